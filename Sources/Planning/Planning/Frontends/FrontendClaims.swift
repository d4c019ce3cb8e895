import ServiceModel

/// The claims of all Services on frontends, and which of them wins. That depends on the claims
/// alone, not on their order of arrival.
struct FrontendClaims<Content: Equatable & Sendable>: Sendable {
    typealias Claim = FrontendClaim<Content>
    typealias List = ClaimList<Content>

    /// In order of precedence.
    private var claims: [FrontendKey: List] = [:]
    /// Frontends with more than one claim.
    private var contested: Set<FrontendKey> = []
    private var services: [ServiceName: List] = [:]
    private var serviceIssues: [ServiceName: [PlanIssue]] = [:]

    var isEmpty: Bool { services.isEmpty }

    mutating func reserve(services count: Int, frontends: Int) {
        services.reserveCapacity(count)
        claims.reserveCapacity(frontends)
    }

    /// The claims of one Service.
    func claims(of service: ServiceName) -> [Claim] { services[service]?.all ?? [] }

    /// Adds the claims of a Service that has none, and what else could not be planned of it;
    /// `touched` gets their frontends.
    mutating func enter(
        _ new: [Claim],
        of service: ServiceName,
        issues: [PlanIssue] = [],
        _ touched: inout Set<FrontendKey>
    ) {
        for claim in new { touched.insert(claim.key) }
        enter(new, of: service, issues)
    }

    /// The same; `former` gets the winner so far of each frontend that it does not have.
    mutating func enter(
        _ new: [Claim],
        of service: ServiceName,
        issues: [PlanIssue],
        former: inout [FrontendKey: Claim?]
    ) {
        note(new, &former)
        enter(new, of: service, issues)
    }

    /// The same where nobody asks what was there before.
    mutating func load(_ new: [Claim], of service: ServiceName) { enter(new, of: service, []) }

    private mutating func enter(
        _ new: [Claim],
        of service: ServiceName,
        _ issues: [PlanIssue]
    ) {
        services[service] = List(new)
        if !issues.isEmpty { serviceIssues[service] = issues }
        for claim in new {
            if claims[claim.key]?.insert(claim, Self.precedes) == nil {
                claims[claim.key] = List(claim)
            } else {
                contested.insert(claim.key)
            }
        }
    }

    /// Removes the claims and issues of a Service; `touched` gets their frontends.
    mutating func withdraw(_ service: ServiceName, _ touched: inout Set<FrontendKey>) {
        for claim in claims(of: service) { touched.insert(claim.key) }
        withdraw(service)
    }

    /// The same; `former` gets the winner so far of each frontend that it does not have.
    mutating func withdraw(_ service: ServiceName, former: inout [FrontendKey: Claim?]) {
        note(claims(of: service), &former)
        withdraw(service)
    }

    private mutating func withdraw(_ service: ServiceName) {
        serviceIssues[service] = nil
        for claim in services.removeValue(forKey: service)?.all ?? [] {
            if claims[claim.key]?.remove(claim) == false { claims[claim.key] = nil }
            if claims[claim.key]?.rest.isEmpty ?? true { contested.remove(claim.key) }
        }
    }

    private func note(_ claims: [Claim], _ former: inout [FrontendKey: Claim?]) {
        for claim in claims where former[claim.key] == nil {
            former[claim.key] = .some(winner(of: claim.key))
        }
    }

    /// The claim to each frontend that has it.
    var winners: some Collection<Claim> { claims.values.lazy.map(\.first) }

    /// The claim that has the frontend; nil if it is not claimed.
    func winner(of frontend: FrontendKey) -> Claim? { claims[frontend]?.first }

    /// Those of the Services, and one for each claim that lost; sorted, equal ones once.
    var issues: [PlanIssue] {
        Set(serviceIssues.values.joined()).union(contested.flatMap(contest)).sorted()
    }

    private func contest(over frontend: FrontendKey) -> [PlanIssue] {
        guard let all = claims[frontend] else { return [] }
        let winner = all.first
        return all.rest.filter { $0.kind != .remainder }.map {
            let origin = winner.standing.origin
            let place = $0.standing.origin == origin ? "" : ", from \(origin.noun)"
            let remark =
                $0.standing.isHeld && !winner.standing.isHeld
                ? "; this Service is held, its source no longer has it" : ""
            return PlanIssue(
                $0.owner,
                reason:
                    "\($0.kind.noun) \($0.subject) already belongs to \(winner.owner) (\(winner.kind.noun)\(place))\(remark)",
                holder: winner.owner
            )
        }
    }

    private static func precedes(_ left: Claim, _ right: Claim) -> Bool {
        guard left.standing.isHeld == right.standing.isHeld else { return right.standing.isHeld }
        return (left.kind, left.standing.origin, left.owner)
            < (right.kind, right.standing.origin, right.owner)
    }
}
