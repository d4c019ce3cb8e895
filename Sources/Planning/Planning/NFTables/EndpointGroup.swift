import Addressing
import DataplaneModel
import ServiceModel

/// The endpoints that some frontends of a Service port share.
struct EndpointGroup {
    /// Its identity.
    struct Key: Hashable, Comparable, Sendable {
        var port: ServicePortName
        /// Those on this node.
        var isLocal: Bool

        static func < (left: Key, right: Key) -> Bool {
            left.port == right.port ? !left.isLocal && right.isLocal : left.port < right.port
        }
    }

    let key: Key
    /// Nil with session affinity, whose chains are the group's own.
    let balancer: Balancer?
    let affinityTimeoutSeconds: UInt32?
    /// The endpoint of each slot.
    let slots: [SocketAddress]
    let number: UInt32

    init(
        _ key: Key,
        number: UInt32,
        kind: Balancer.Kind,
        affinityTimeoutSeconds: UInt32?,
        endpoints: [SocketAddress],
        weight: (SocketAddress) -> UInt32
    ) {
        self.key = key
        self.number = number
        self.affinityTimeoutSeconds = affinityTimeoutSeconds
        let kind = affinityTimeoutSeconds == nil ? kind : .random
        let shares = Self.shares(Array(endpoints.prefix(Int(GroupValue.maximumSlots))), weight)
        switch kind {
        case .random, .roundRobin: slots = SlotPlacement.slots(shares)
        case .hashedAddress, .hashedAddressAndPort: slots = HashSlots.slots(shares)
        }
        balancer =
            affinityTimeoutSeconds == nil
            ? Balancer(kind: kind, slots: UInt32(slots.count)) : nil
    }

    /// What the frontends that lead here have in their maps.
    var value: GroupValue { GroupValue(group: number, balancer: balancer) }

    /// What `meta priority` holds when a slot is looked for.
    var identifier: UInt32 { GroupValue(group: number).rawValue }

    var endpoints: Set<SocketAddress> { Set(slots) }

    /// Weights in lowest terms, so that they add up to as many slots as there may be at most.
    private static func shares(
        _ endpoints: [SocketAddress],
        _ weight: (SocketAddress) -> UInt32
    ) -> [(endpoint: SocketAddress, weight: Int)] {
        let weights = endpoints.map { max(1, Int(weight($0))) }
        let divisor = weights.reduce(0, greatestCommonDivisor)
        var reduced = weights.map { $0 / max(1, divisor) }
        let sum = reduced.reduce(0, +)
        if sum > GroupValue.maximumSlots {
            // Rounded down, but none to zero: that leaves room for all.
            let room = Int(GroupValue.maximumSlots) - endpoints.count
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
