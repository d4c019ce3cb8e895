import Addressing
import DataplaneModel

/// A table with many Services' worth of elements, and the rules that ask them.
struct NFTLoad {
    let family: IPFamily
    let services: Int
    let endpoints: Int
    /// Whether sets get a size that fits.
    var isSized = false

    static let frontends = NFTSetName("cluster-ips")
    static let slots = NFTSetName("endpoints")
    static let balancers = NFTSetName("balancers")
    private static let balance = NFTChainName("balance")

    private func address(_ network: UInt32, _ number: Int) -> IPAddress {
        let value = network + UInt32(number)
        return family == .ipv4
            ? IPAddress(ipv4: value)
            : IPAddress(family: .ipv6, bits: UInt128(0xfd00) << 112 | UInt128(value))
    }

    private func socket(_ network: UInt32, _ number: Int) -> SocketAddress {
        guard let port = PortNumber(80) else { preconditionFailure() }
        return SocketAddress(address(network, number), port)
    }

    func frontend(_ service: Int) -> NFTValue { NFTValue(socket(0x0a60_0000, service), .tcp) }

    /// Another `generation` of endpoints has other addresses.
    func endpoint(_ service: Int, _ slot: Int, generation: Int = 0) -> NFTData {
        let number = service * endpoints + slot + generation * 1_000_000
        return .value(NFTValue(socket(0x0a80_0000, number)))
    }

    func slot(_ service: Int, _ slot: Int) -> NFTValue {
        NFTValue(UInt32(service) << 14, UInt32(slot))
    }

    /// As an endpoint of `service` is added or removed, frontends hold the number of slots.
    func frontendData(_ service: Int, slots: Int) -> NFTData {
        .value(NFTValue(UInt32(service) << 14 | UInt32(slots)))
    }

    var state: NFTablesState {
        var frontends = NFTElements()
        var slots = NFTElements()
        for service in 0..<services {
            frontends[frontend(service)] = frontendData(service, slots: endpoints)
            for slot in 0..<endpoints {
                slots[self.slot(service, slot)] = endpoint(service, slot)
            }
        }
        return NFTablesState(
            chains: chains,
            sets: [
                NFTSet(
                    Self.frontends,
                    NFTSetShape([.address, .transport, .port], mapping: .fields([.classID])),
                    size: isSized ? NFTSet.size(for: services) : nil,
                    elements: frontends,
                    isDispatchMap: true
                ),
                NFTSet(
                    Self.slots,
                    NFTSetShape([.classID, .number], mapping: .fields([.address, .port])),
                    size: isSized ? NFTSet.size(for: slots.count) : nil,
                    elements: slots
                ),
                NFTSet(
                    Self.balancers,
                    NFTSetShape([.classID], mapping: .verdict),
                    elements: NFTElements(
                        uniqueKeysWithValues: (1...32).map {
                            (NFTValue(UInt32($0)), .verdict(.goto(Self.chain($0))))
                        }
                    )
                ),
            ]
        )
    }

    private static func chain(_ count: Int) -> NFTChainName { NFTChainName("random-\(count)") }

    private var chains: [NFTChain] {
        let balancers = (1...32).map { count in
            NFTChain(
                Self.chain(count),
                rules: [
                    NFTRule(.maskPriority(0xffff_c000)),
                    NFTRule(
                        NFTCatalogue.transports,
                        .destinationNAT([.priority, .random(UInt32(count))], Self.slots)
                    ),
                ]
            )
        }
        return balancers + [
            NFTChain(
                Self.balance,
                rules: [NFTRule(.verdictMap([.maskedPriority(0x3fff)], Self.balancers))]
            ),
            NFTChain(
                NFTChainName("nat-prerouting"),
                hook: NFTHook(.nat, .prerouting, priority: -100),
                rules: [
                    NFTRule(
                        .setPriorityFromMap(NFTCatalogue.frontend, Self.frontends),
                        .verdict(.goto(Self.balance))
                    )
                ]
            ),
        ]
    }
}
