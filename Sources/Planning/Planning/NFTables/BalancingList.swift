import Addressing
import DataplaneModel
import ServiceModel

/// The endpoints that some frontends of a Service port share.
struct BalancingList {
    /// Its identity.
    struct Key: Hashable, Comparable, Sendable {
        var port: ServicePortName
        /// Those on this node.
        var isLocal: Bool

        static func < (left: Key, right: Key) -> Bool {
            left.port == right.port ? !left.isLocal && right.isLocal : left.port < right.port
        }
    }

    /// How a connection finds its slot; the raw value is part of a frontend's.
    enum Kind: UInt32, CaseIterable {
        case random
        case roundRobin
        case hashedAddress
        case hashedAddressAndPort

        /// The beginning of its chains' names.
        var word: String {
            switch self {
            case .random: "random"
            case .roundRobin: "rr"
            case .hashedAddress: "sh"
            case .hashedAddressAndPort: "mh"
            }
        }
    }

    /// Slots are 12 bits of a frontend's value.
    static let maximumSlots = 4095
    /// Bits of the number that tells lists apart.
    static let numberBits = 18

    let key: Key
    let kind: Kind
    let affinityTimeoutSeconds: UInt32?
    /// The endpoint of each slot.
    let slots: [SocketAddress]
    let number: UInt32

    init(
        _ key: Key,
        number: UInt32,
        kind: Kind,
        affinityTimeoutSeconds: UInt32?,
        endpoints: [SocketAddress],
        weight: (SocketAddress) -> UInt32
    ) {
        self.key = key
        self.number = number
        self.affinityTimeoutSeconds = affinityTimeoutSeconds
        self.kind = affinityTimeoutSeconds == nil ? kind : .random
        let shares = Self.shares(Array(endpoints.prefix(Self.maximumSlots)), weight)
        switch self.kind {
        case .random, .roundRobin: slots = SlotPlacement.slots(shares)
        case .hashedAddress, .hashedAddressAndPort: slots = HashSlots.slots(shares)
        }
    }

    /// What `meta priority` holds for a packet to this list when its slot is looked for.
    var identifier: UInt32 { number << 14 }

    /// The bits that choose a chain: kind and number of slots.
    var balancer: UInt32 { kind.rawValue << 12 | UInt32(slots.count) }

    /// The value of frontends that lead here.
    var value: UInt32 { affinityTimeoutSeconds == nil ? identifier | balancer : identifier }

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
        if sum > maximumSlots {
            // Rounded down, but nobody to nothing: that leaves room for all.
            let room = maximumSlots - endpoints.count
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
