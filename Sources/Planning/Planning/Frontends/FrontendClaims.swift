import ServiceModel

/// The claims of all Services on frontends, and which of them wins. That depends on the claims
/// alone, not on their order of arrival.
struct FrontendClaims<Content: Equatable & Sendable>: Sendable {
    typealias Claim = FrontendClaim<Content>

    /// In order of precedence; nearly always one.
    private var claims: [FrontendKey: [Claim]] = [:]
    /// Frontends with more than one claim.
    private var contested: Set<FrontendKey> = []
    private var services: [ServiceName: [Claim]] = [:]
    private var serviceIssues: [ServiceName: [PlanIssue]] = [:]

    var isEmpty: Bool { services.isEmpty }

    mutating func reserve(services count: Int, frontends: Int) {
        services.reserveCapacity(count)
        claims.reserveCapacity(frontends)
    }

    /// The claims of one Service.
    func claims(of service: ServiceName) -> [Claim] { services[service] ?? [] }

    /// Adds the claims of a Service that has none, and what else could not be planned of it;
    /// `touched` gets their frontends.
    mutating func enter(
        _ new: [Claim],
        of service: ServiceName,
        issues: [PlanIssue] = [],
        _ touched: inout Set<FrontendKey>
    ) {
        services[service] = new
        if !issues.isEmpty { serviceIssues[service] = issues }
        for claim in new {
            touched.insert(claim.key)
            update(claim.key) { all in
                let place = all.firstIndex { Self.precedes(claim, $0) } ?? all.count
                all.insert(claim, at: place)
            }
        }
    }

    /// Removes the claims and issues of a Service; `touched` gets their frontends.
    mutating func withdraw(_ service: ServiceName, _ touched: inout Set<FrontendKey>) {
        serviceIssues[service] = nil
        for claim in services.removeValue(forKey: service) ?? [] {
            touched.insert(claim.key)
            update(claim.key) { all in
                if let index = all.firstIndex(of: claim) { all.remove(at: index) }
            }
        }
    }

    /// The claim that has the frontend; nil if it is not claimed.
    func winner(of frontend: FrontendKey) -> Claim? { claims[frontend]?.first }

    /// Those of the Services, and one for each claim that lost; sorted, equal ones once.
    var issues: [PlanIssue] {
        Set(serviceIssues.values.joined()).union(contested.flatMap(contest)).sorted()
    }

    private func contest(over frontend: FrontendKey) -> [PlanIssue] {
        guard let all = claims[frontend], let winner = all.first else { return [] }
        return all.dropFirst().filter { $0.kind != .remainder }.map {
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

    private mutating func update(_ frontend: FrontendKey, _ change: (inout [Claim]) -> Void) {
        change(&claims[frontend, default: []])
        let count = claims[frontend]?.count ?? 0
        if count == 0 { claims[frontend] = nil }
        if count > 1 { contested.insert(frontend) } else { contested.remove(frontend) }
    }

    private static func precedes(_ left: Claim, _ right: Claim) -> Bool {
        guard left.standing.isHeld == right.standing.isHeld else { return right.standing.isHeld }
        return (left.kind, left.standing.origin, left.owner)
            < (right.kind, right.standing.origin, right.owner)
    }
}
