import ServiceModel

/// A wish of a Service port to have a frontend for itself.
protocol ContestedClaim: Equatable, Sendable {
    /// What is contested.
    associatedtype Frontend: Hashable & Sendable

    var frontend: Frontend { get }
    var rank: FrontendRank { get }
    var owner: ServicePortName { get }
    /// Claims of Services that are held come last, and those of files after the cluster's.
    var standing: ClaimStanding { get }
    /// The frontend for people: `10.96.0.10:80/tcp`.
    var subject: String { get }
}

/// Who gets a frontend that more than one Service claims. The answer depends on the claims alone,
/// never on their order of arrival.
struct FrontendContests<Claim: ContestedClaim>: Sendable {
    /// In order of precedence; nearly always one.
    private var claims: [Claim.Frontend: [Claim]] = [:]
    /// Frontends with more than one claim.
    private var contested: Set<Claim.Frontend> = []

    mutating func reserve(_ frontends: Int) {
        claims.reserveCapacity(frontends)
    }

    /// Adds a claim and returns the winner.
    mutating func enter(_ claim: Claim) -> Claim? {
        update(claim.frontend) { all in
            let place = all.firstIndex { Self.precedes(claim, $0) } ?? all.count
            all.insert(claim, at: place)
        }
    }

    /// Removes a claim and returns the winner among the others; nil if there is none.
    mutating func withdraw(_ claim: Claim) -> Claim? {
        update(claim.frontend) { all in
            if let index = all.firstIndex(of: claim) { all.remove(at: index) }
        }
    }

    /// Who has the frontend now; nil if nobody wants it.
    func winner(of frontend: Claim.Frontend) -> Claim? { claims[frontend]?.first }

    /// One for each claim that lost.
    var issues: [PlanIssue] {
        contested.flatMap { frontend -> [PlanIssue] in
            guard let all = claims[frontend], let winner = all.first else { return [] }
            return all.dropFirst().filter { $0.rank != .remainder }.map {
                let origin = winner.standing.origin
                let place = $0.standing.origin == origin ? "" : ", from \(origin.noun)"
                let remark =
                    $0.standing.isHeld && !winner.standing.isHeld
                    ? "; this Service is held, its source no longer has it" : ""
                return PlanIssue(
                    $0.owner,
                    reason:
                        "\($0.rank.noun) \($0.subject) already belongs to \(winner.owner) (\(winner.rank.noun)\(place))\(remark)"
                )
            }
        }
    }

    private mutating func update(
        _ frontend: Claim.Frontend,
        _ change: (inout [Claim]) -> Void
    ) -> Claim? {
        change(&claims[frontend, default: []])
        let all = claims[frontend] ?? []
        if all.isEmpty { claims[frontend] = nil }
        if all.count > 1 { contested.insert(frontend) } else { contested.remove(frontend) }
        return all.first
    }

    private static func precedes(_ left: Claim, _ right: Claim) -> Bool {
        guard left.standing.isHeld == right.standing.isHeld else { return right.standing.isHeld }
        return (left.rank, left.standing.origin, left.owner)
            < (right.rank, right.standing.origin, right.owner)
    }
}
