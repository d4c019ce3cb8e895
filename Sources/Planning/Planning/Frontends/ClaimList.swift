/// Claims in order, at least one. The first takes no memory besides, as there is nearly always only one.
struct ClaimList<Content: Equatable & Sendable>: Sendable {
    typealias Claim = FrontendClaim<Content>

    private(set) var first: Claim
    private(set) var rest: [Claim] = []

    init(_ claim: Claim) { first = claim }

    /// Nil without claims.
    init?(_ claims: [Claim]) {
        guard let first = claims.first else { return nil }
        self.first = first
        rest = Array(claims.dropFirst())
    }

    var all: [Claim] { [first] + rest }

    /// Inserts a claim in front of the first that it precedes.
    mutating func insert(_ claim: Claim, _ precedes: (Claim, Claim) -> Bool) {
        if precedes(claim, first) {
            rest.insert(first, at: 0)
            first = claim
        } else {
            rest.insert(claim, at: rest.firstIndex { precedes(claim, $0) } ?? rest.count)
        }
    }

    /// Removes a claim; false, and unchanged, if it is the only one.
    mutating func remove(_ claim: Claim) -> Bool {
        if first == claim {
            if rest.isEmpty { return false }
            first = rest.removeFirst()
        } else if let index = rest.firstIndex(of: claim) {
            rest.remove(at: index)
        }
        return true
    }
}
