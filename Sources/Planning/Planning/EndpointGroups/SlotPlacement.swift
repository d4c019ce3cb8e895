import Addressing

/// Puts endpoints into as many slots as their weights add up to, each slot once.
///
/// A stable matching: every copy of an endpoint likes slots, and every slot likes copies, in an
/// order that follows from a hash. So the result depends on the endpoints alone, and one endpoint
/// more or less moves few others.
enum SlotPlacement {
    /// One endpoint as often as its weight says.
    private struct Copy {
        var endpoint: SocketAddress
        var index: UInt64
    }

    /// The endpoint of each slot. `shares` are weights of at least 1 whose sum is the number of
    /// slots.
    static func slots(_ shares: [(endpoint: SocketAddress, weight: Int)]) -> [SocketAddress] {
        var copies: [Copy] = []
        copies.reserveCapacity(shares.reduce(0) { $0 + $1.weight })
        for share in shares {
            for index in 0..<share.weight {
                copies.append(Copy(endpoint: share.endpoint, index: UInt64(index)))
            }
        }
        if copies.count == 1 { return [copies[0].endpoint] }
        var universe: UInt64 = 64
        while universe < UInt64(copies.count) { universe *= 2 }
        var holders = [Int?](repeating: nil, count: copies.count)
        var asked = [UInt64](repeating: 0, count: copies.count)
        for first in copies.indices {
            var seeker = first
            while true {
                let slot = nextChoice(of: copies[seeker], &asked[seeker], copies.count, universe)
                guard let holder = holders[slot] else {
                    holders[slot] = seeker
                    break
                }
                if prefers(slot, copies[seeker], to: copies[holder]) {
                    holders[slot] = seeker
                    seeker = holder
                }
            }
        }
        return holders.compactMap { $0.map { copies[$0].endpoint } }
    }

    /// Numbers below `universe`, the next power of two, and of these the ones below `count`: so a choice stays
    /// the same when the number of slots changes a little. After a while every slot is asked in
    /// turn, which ends the search.
    private static func nextChoice(
        of copy: Copy,
        _ asked: inout UInt64,
        _ count: Int,
        _ universe: UInt64
    ) -> Int {
        while true {
            let attempt = asked
            asked += 1
            let number =
                attempt < 16 * universe
                ? Mix64.number(of: copy.endpoint, salt: copy.index << 32 | attempt) : attempt
            let slot = Int(number & (universe - 1))
            if slot < count { return slot }
        }
    }

    private static func prefers(_ slot: Int, _ one: Copy, to other: Copy) -> Bool {
        func rank(_ copy: Copy) -> UInt64 {
            Mix64.number(of: copy.endpoint, salt: ~(copy.index << 32 | UInt64(slot)))
        }
        let (mine, theirs) = (rank(one), rank(other))
        if mine != theirs { return mine < theirs }
        return (one.endpoint, one.index) < (other.endpoint, other.index)
    }
}
