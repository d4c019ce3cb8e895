import ServiceModel

/// Who gets a frontend that more than one Service claims. The answer depends on the claims alone,
/// never on their order of arrival.
struct FrontendContests<Content: Equatable & Sendable>: Sendable {
    typealias Claim = FrontendClaim<Content>

    /// In order of precedence; nearly always one.
    private var claims: [FrontendKey: [Claim]] = [:]
    /// Frontends with more than one claim.
    private var contested: Set<FrontendKey> = []

    mutating func reserve(_ frontends: Int) {
        claims.reserveCapacity(frontends)
    }

    /// Adds a claim and returns the winner.
    mutating func enter(_ claim: Claim) -> Claim? {
        update(claim.key) { all in
            let place = all.firstIndex { Self.precedes(claim, $0) } ?? all.count
            all.insert(claim, at: place)
        }
    }

    /// Removes a claim and returns the winner among the others; nil if there is none.
    mutating func withdraw(_ claim: Claim) -> Claim? {
        update(claim.key) { all in
            if let index = all.firstIndex(of: claim) { all.remove(at: index) }
        }
    }

    /// Who has the frontend now; nil if it is not claimed.
    func winner(of frontend: FrontendKey) -> Claim? { claims[frontend]?.first }

    /// One for each claim that lost.
    var issues: [PlanIssue] {
        contested.flatMap { frontend -> [PlanIssue] in
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
    }

    private mutating func update(
        _ frontend: FrontendKey,
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
        return (left.kind, left.standing.origin, left.owner)
            < (right.kind, right.standing.origin, right.owner)
    }
}
