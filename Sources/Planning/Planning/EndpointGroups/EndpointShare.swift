import Addressing

/// How many slots an endpoint gets, in proportion to its weight.
enum EndpointShare {
    /// Weights in lowest terms, at least 1 each, which add up to at most `slots`. There are no more
    /// endpoints than that.
    static func shares(
        _ endpoints: some Collection<SocketAddress>,
        slots: Int,
        weight: (SocketAddress) -> UInt32
    ) -> [(endpoint: SocketAddress, weight: Int)] {
        let weights = endpoints.map { max(1, Int(weight($0))) }
        let divisor = weights.reduce(0, greatestCommonDivisor)
        var reduced = weights.map { $0 / max(1, divisor) }
        let sum = reduced.reduce(0, +)
        if sum > slots {
            // Rounded down, but none to zero: that leaves room for all.
            let room = slots - endpoints.count
            reduced = reduced.map { 1 + $0 * room / sum }
        }
        return zip(endpoints, reduced).map { (endpoint: $0, weight: $1) }
    }

    private static func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}
