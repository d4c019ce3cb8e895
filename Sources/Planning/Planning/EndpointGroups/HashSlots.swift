import Addressing

/// Fills a table by which clients are hashed to endpoints, so that one endpoint more or less moves
/// few clients (Eisenbud et al., Maglev, NSDI 2016, section 3.4).
enum HashSlots {
    /// A prime number of slots, some forty for each endpoint where that is possible.
    static func count(for endpoints: Int) -> Int {
        endpoints <= 6 ? 251 : endpoints <= 25 ? 1021 : 4093
    }

    /// The endpoint of each slot: as many as its weight's share of the table, within one or two, and at least one
    /// of each as long as there are not more endpoints than slots.
    static func slots(_ shares: [(endpoint: SocketAddress, weight: Int)]) -> [SocketAddress] {
        let size = count(for: shares.count)
        var table = [SocketAddress?](repeating: nil, count: size)
        var place = shares.map { Int(Mix64.number(of: $0.endpoint, salt: 1) % UInt64(size)) }
        let step = shares.map {
            Int(Mix64.number(of: $0.endpoint, salt: 2) % UInt64(size - 1)) + 1
        }
        // Whoever has the greatest weight takes a slot in each turn, the others as often as their weight
        // allows, and all of them in the first one.
        let greatest = shares.reduce(1) { max($0, $1.weight) }
        var credit = shares.map { greatest - $0.weight }
        var filled = 0
        while true {
            for (index, share) in shares.enumerated() {
                credit[index] += share.weight
                guard credit[index] >= greatest else { continue }
                credit[index] -= greatest
                while table[place[index]] != nil {
                    place[index] = (place[index] + step[index]) % size
                }
                table[place[index]] = share.endpoint
                filled += 1
                if filled == size { return table.compactMap { $0 } }
            }
        }
    }
}
