import DataplaneModel
import ServiceModel

/// Who gets a frontend that more than one Service claims. The answer depends on the claims alone,
/// never on their order of arrival.
struct FrontendContests: Sendable {
    /// What is contested.
    struct Frontend: Hashable {
        var space: FrontendClaim.Space
        var key: DispatchKey

        init(_ claim: FrontendClaim) {
            space = claim.space
            key = claim.key
        }
    }

    /// In order of precedence; nearly always one.
    private var claims: [Frontend: [FrontendClaim]] = [:]
    /// Frontends with more than one claim.
    private var contested: Set<Frontend> = []

    mutating func reserve(_ frontends: Int) {
        claims.reserveCapacity(frontends)
    }

    /// Adds a claim and returns the winner.
    mutating func enter(_ claim: FrontendClaim) -> FrontendClaim? {
        update(Frontend(claim)) { all in
            let place = all.firstIndex { Self.precedes(claim, $0) } ?? all.count
            all.insert(claim, at: place)
        }
    }

    /// Removes a claim and returns the winner among the others; nil if there is none.
    mutating func withdraw(_ claim: FrontendClaim) -> FrontendClaim? {
        update(Frontend(claim)) { all in
            if let index = all.firstIndex(of: claim) { all.remove(at: index) }
        }
    }

    /// One for each claim that lost.
    var issues: [PlanIssue] {
        contested.flatMap { frontend -> [PlanIssue] in
            guard let all = claims[frontend], let winner = all.first else { return [] }
            return all.dropFirst().filter { $0.rank != .remainder }.map {
                PlanIssue(
                    $0.owner,
                    reason:
                        "\($0.rank.noun) \($0.subject) already belongs to \(winner.owner) (\(winner.rank.noun))"
                )
            }
        }
    }

    private mutating func update(
        _ frontend: Frontend,
        _ change: (inout [FrontendClaim]) -> Void
    ) -> FrontendClaim? {
        change(&claims[frontend, default: []])
        let all = claims[frontend] ?? []
        if all.isEmpty { claims[frontend] = nil }
        if all.count > 1 { contested.insert(frontend) } else { contested.remove(frontend) }
        return all.first
    }

    private static func precedes(_ left: FrontendClaim, _ right: FrontendClaim) -> Bool {
        (left.rank, left.owner) < (right.rank, right.owner)
    }
}
