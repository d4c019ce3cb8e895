import Addressing
import DataplaneModel

/// What the maps of frontends hold, and rules keep in `meta priority`: 18 bits of an endpoint
/// group's number, 2 of a balancer's kind and 12 of its number of slots. Without a balancer the
/// lower 14 bits are zero, or, for session affinity, the number of an endpoint of the group.
struct GroupValue: Hashable, Sendable {
    static let maximumNumber: UInt32 = 1 << 18 - 1
    static let maximumSlots: UInt32 = 1 << 12 - 1
    /// The greatest number of an endpoint.
    static let maximumEndpoint: UInt32 = 1 << 14 - 1
    /// The bits of kind and number of slots.
    static let balancerMask: UInt32 = 1 << 14 - 1
    /// The bits of the group's number.
    static let numberMask = ~balancerMask

    let rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `balancer` is nil for session affinity.
    init(group number: UInt32, balancer: Balancer? = nil) {
        rawValue = number << 14 | (balancer?.rawValue ?? 0)
    }

    init(group number: UInt32, endpoint: UInt32) { rawValue = number << 14 | endpoint }

    /// The group's.
    var number: UInt32 { rawValue >> 14 }
}

/// How one of so many slots is chosen: a chain that all endpoint groups of the same kind and number
/// of slots share.
struct Balancer: Hashable, Sendable {
    /// How a connection finds its slot.
    enum Kind: UInt32, CaseIterable {
        case random
        case roundRobin
        case hashedAddress
        case hashedAddressAndPort
    }

    let kind: Kind
    /// At most `GroupValue.maximumSlots`.
    let slots: UInt32

    /// The part of a `GroupValue`.
    var rawValue: UInt32 { kind.rawValue << 12 | slots }

    var chainName: NFTChainName { NFTChainName("\(kind.prefix)-\(slots)") }

    /// Where packets with this balancer in their `meta priority` are sent.
    var element: NFTElement { NFTElement(NFTValue(rawValue), .verdict(.goto(chainName))) }

    /// Chooses a slot and translates.
    var chain: NFTChain {
        func translate(_ slot: NFTExpression) -> NFTRule {
            NFTRule(
                .transports(TransportProtocol.allCases),
                .destinationNAT([.priority, slot], TableSet.endpoints.name)
            )
        }
        var rules = [
            NFTRule(.maskPriority(GroupValue.numberMask)), translate(kind.slot(of: slots)),
        ]
        if slots > 1 {
            // A packet may have seen the number of slots from before a change, and look for its
            // slot behind it. The first one is always there.
            rules.append(translate(.random(1)))
        }
        return NFTChain(
            chainName,
            rules: rules,
            title: "one of \(slots) slots: \(kind.title)"
        )
    }
}

extension Balancer.Kind {
    /// The beginning of its chains' names.
    fileprivate var prefix: String {
        switch self {
        case .random: "random"
        case .roundRobin: "rr"
        case .hashedAddress: "sh"
        case .hashedAddressAndPort: "mh"
        }
    }

    func slot(of count: UInt32) -> NFTExpression {
        switch self {
        case .random: .random(count)
        case .roundRobin: .roundRobin(count)
        case .hashedAddress: .hash([.address(.source)], modulus: count, seed: Self.seed)
        case .hashedAddressAndPort:
            .hash([.address(.source), .port(.source)], modulus: count, seed: Self.seed)
        }
    }

    /// The same on every node, so that all of them send a client to the same endpoint.
    private static let seed: UInt32 = 0x6661_6972

    fileprivate var title: String {
        switch self {
        case .random: "at random"
        case .roundRobin: "in turn"
        case .hashedAddress: "by the client's address"
        case .hashedAddressAndPort: "by the client's address and port"
        }
    }
}
