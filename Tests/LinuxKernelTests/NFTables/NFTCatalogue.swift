import Addressing
import DataplaneModel

/// A table with every statement, expression, sort of set and hook of the model, in one family.
struct NFTCatalogue {
    let family: IPFamily

    static let frontend: [NFTExpression] = [
        .address(.destination), .transport, .port(.destination),
    ]
    static let nodePort: [NFTExpression] = [.transport, .port(.destination)]
    static let transports = NFTStatement.transports([.tcp, .udp, .sctp])

    func address(_ number: UInt32) -> IPAddress {
        family == .ipv4
            ? IPAddress(ipv4: 0x0a60_0000 + number)
            : IPAddress(
                family: .ipv6,
                bits: 0xfd00_0000_1234_0000_0000_8000_0000_0000 | UInt128(number)
            )
    }

    func prefix(_ number: UInt32, _ length: Int) -> IPPrefix {
        IPPrefix(address(number), length: family == .ipv4 ? length : length + 96)
    }

    func socket(_ number: UInt32, _ port: Int) -> SocketAddress {
        guard let port = PortNumber(port) else { preconditionFailure("port \(port)") }
        return SocketAddress(address(number), port)
    }

    var state: NFTablesState {
        NFTablesState(chains: chains, sets: sets)
    }

    // MARK: - Sets

    static let clusterIPs = NFTSetName("cluster-ips")
    static let ports = NFTSetName("external-ports")
    static let guarded = NFTSetName("guarded")
    static let allowed = NFTSetName("allowed")
    static let addresses = NFTSetName("cluster-addresses")
    static let hairpin = NFTSetName("hairpin")
    static let balancers = NFTSetName("balancers")
    static let endpoints = NFTSetName("endpoints")
    static let clients = NFTSetName("clients")
    static let numbers = NFTSetName("numbers")
    static let choices = NFTSetName("choices")
    static let verdicts = NFTSetName("verdicts")
    static let traffic = NFTSetName("traffic")
    static let portTraffic = NFTSetName("port-traffic")

    private var sets: [NFTSet] {
        let sockets: [NFTSet] = [
            NFTSet(
                Self.clusterIPs,
                NFTSetShape([.address, .transport, .port], mapping: .fields([.classID])),
                size: 1024,
                elements: [
                    NFTValue(socket(1, 80), .tcp): .value(NFTValue(0x0004_0003)),
                    NFTValue(socket(1, 53), .udp): .value(NFTValue(0xffff_ffff)),
                    NFTValue(socket(2, 65535), .sctp): .value(NFTValue(0)),
                ],
                title: "frontends"
            ),
            NFTSet(
                Self.ports,
                NFTSetShape([.transport, .port], mapping: .fields([.classID])),
                elements: [NFTValue(.udp, socket(0, 30053).port): .value(NFTValue(0xabcd_ef01))]
            ),
            NFTSet(
                Self.guarded,
                NFTSetShape([.address, .transport, .port]),
                elements: [NFTValue(socket(3, 443), .tcp): .none]
            ),
            NFTSet(
                Self.allowed,
                NFTSetShape([.address, .transport, .port, .address], isInterval: true),
                elements: NFTElements(
                    uniqueKeysWithValues: [
                        prefix(0x100, 24), prefix(0x4321, 32), prefix(0, 0), prefix(0x8000, 17),
                    ].enumerated().map { index, range in
                        (NFTValue(socket(3, 443 + index), .tcp).appending(range), .none)
                    }
                )
            ),
            NFTSet(
                Self.addresses,
                NFTSetShape([.address]),
                size: 2000,
                elements: [NFTValue(address(9)): .none, NFTValue(address(10)): .none]
            ),
            NFTSet(
                Self.hairpin,
                NFTSetShape([.address, .address]),
                elements: [NFTValue(address(9)).appending(address(9)): .none]
            ),
        ]
        return sockets + countingSets + numberedSets
    }

    private var countingSets: [NFTSet] {
        [
            NFTSet(
                Self.traffic,
                NFTSetShape([.address, .transport, .port], countsPackets: true),
                elements: [
                    NFTValue(socket(1, 80), .tcp): .none, NFTValue(socket(1, 53), .udp): .none,
                ]
            ),
            NFTSet(
                Self.portTraffic,
                NFTSetShape([.transport, .port], countsPackets: true),
                size: 1024,
                elements: [NFTValue(.udp, socket(0, 30053).port): .none]
            ),
        ]
    }

    private var numberedSets: [NFTSet] {
        [
            NFTSet(
                Self.balancers,
                NFTSetShape([.classID], mapping: .verdict),
                elements: [
                    NFTValue(2): .verdict(.goto(Self.chain("random-2"))),
                    NFTValue(3): .verdict(.jump(Self.chain("robin-3"))),
                ]
            ),
            NFTSet(
                Self.verdicts,
                NFTSetShape([.classID], mapping: .verdict),
                elements: [
                    NFTValue(1): .verdict(.accept), NFTValue(2): .verdict(.drop),
                    NFTValue(3): .verdict(.returnToCaller),
                ]
            ),
            NFTSet(
                Self.endpoints,
                NFTSetShape([.classID, .number], mapping: .fields([.address, .port])),
                size: 4096,
                elements: [
                    NFTValue(0x0004_0000, 0): .value(NFTValue(socket(0x5001, 8080))),
                    NFTValue(0x0004_0000, 1): .value(NFTValue(socket(0x5002, 8080))),
                    NFTValue(0, 70000): .value(NFTValue(socket(0x5003, 1))),
                ]
            ),
            NFTSet(
                Self.clients,
                NFTSetShape([.address], mapping: .fields([.classID]), isDynamic: true),
                size: 65536
            ),
            NFTSet(
                Self.numbers,
                NFTSetShape([.classID], mapping: .fields([.address, .port])),
                elements: [NFTValue(0x0004_0001): .value(NFTValue(socket(0x5001, 8080)))]
            ),
            NFTSet(
                Self.choices,
                NFTSetShape([.classID, .number], mapping: .fields([.classID])),
                elements: [NFTValue(0x0004_0000, 1): .value(NFTValue(0x0004_0001))]
            ),
        ]
    }

    // MARK: - Chains

    static func chain(_ name: String) -> NFTChainName { NFTChainName(name) }

    private var chains: [NFTChain] {
        hooks + conditions + balancers
    }

    private var hooks: [NFTChain] {
        let services = NFTStatement.verdict(.jump(Self.chain("services")))
        return [
            NFTChain(
                Self.chain("guard-prerouting"),
                hook: NFTHook(.filter, .prerouting, priority: -110),
                rules: [NFTRule(.connectionState(.new), .verdict(.jump(Self.chain("guard"))))]
            ),
            NFTChain(
                Self.chain("nat-prerouting"),
                hook: NFTHook(.nat, .prerouting, priority: -100),
                rules: [NFTRule(services)],
                title: "where packets come in"
            ),
            NFTChain(
                Self.chain("nat-output"),
                hook: NFTHook(.nat, .output, priority: -100),
                rules: [NFTRule(services)]
            ),
            NFTChain(
                Self.chain("nat-postrouting"),
                hook: NFTHook(.nat, .postrouting, priority: 100),
                rules: [
                    NFTRule(.translated, .setPriority(0)),
                    NFTRule(
                        .translated,
                        .contained([.address(.source), .address(.destination)], in: Self.hairpin),
                        .masquerade,
                        title: "to itself"
                    ),
                    NFTRule(
                        .mark(PacketMark(bit: 0x4000), inverted: true),
                        .verdict(.returnToCaller)
                    ),
                    NFTRule(.clearMarkBits(0x4000)),
                    NFTRule(.masquerade),
                ]
            ),
            NFTChain(
                Self.chain("filter-input"),
                hook: NFTHook(.filter, .input, priority: 0),
                rules: []
            ),
            NFTChain(
                Self.chain("count-forward"),
                hook: NFTHook(.filter, .forward, priority: 1),
                rules: [
                    NFTRule(
                        .translated,
                        Self.transports,
                        .contained(
                            [.originalDestination, .transport, .originalPort],
                            in: Self.traffic
                        ),
                        .verdict(.returnToCaller)
                    ),
                    NFTRule(
                        Self.transports,
                        .contained([.transport, .originalPort], in: Self.portTraffic)
                    ),
                    NFTRule(
                        .transports([.tcp]),
                        .contained(
                            [.transport, .originalPort],
                            in: Self.portTraffic,
                            inverted: true
                        )
                    ),
                ]
            ),
            NFTChain(
                Self.chain("filter-forward"),
                hook: NFTHook(.filter, .forward, priority: -150, dropsByDefault: true),
                rules: [NFTRule(.reject)]
            ),
        ]
    }

    private var conditions: [NFTChain] {
        let balance = NFTStatement.verdict(.goto(Self.chain("balance")))
        let veth = InterfaceMatch("veth0")
        return [
            NFTChain(
                Self.chain("guard"),
                rules: [
                    NFTRule(
                        .contained(Self.frontend, in: Self.guarded),
                        .verdict(.goto(Self.chain("drop-unless-allowed")))
                    )
                ]
            ),
            NFTChain(
                Self.chain("drop-unless-allowed"),
                rules: [
                    NFTRule(
                        .contained(Self.frontend + [.address(.source)], in: Self.allowed),
                        .verdict(.returnToCaller)
                    ),
                    NFTRule(.verdict(.drop)),
                ]
            ),
            NFTChain(
                Self.chain("services"),
                rules: [
                    NFTRule(.setPriorityFromMap(Self.frontend, Self.clusterIPs), balance),
                    NFTRule(.setPriorityFromMap(Self.nodePort, Self.ports), balance),
                    NFTRule(.isLocal(.destination), .verdict(.accept)),
                    NFTRule(.isLocal(.source, inverted: true), .verdict(.accept)),
                    NFTRule(.address(.destination, prefix(0, 12)), .verdict(.accept)),
                    NFTRule(
                        .address(.source, prefix(0x100, 24), inverted: true),
                        .verdict(.accept)
                    ),
                    NFTRule(.address(.source, prefix(0x100, 32)), .verdict(.accept)),
                    NFTRule(
                        .address(.destination, prefix(0, 8), inverted: true),
                        .isLocal(.destination),
                        .verdict(.accept)
                    ),
                    NFTRule(.inInterface(veth), .verdict(.accept)),
                    NFTRule(
                        .inInterface(InterfaceMatch("cali", isPrefix: true)),
                        .verdict(.accept)
                    ),
                    NFTRule(
                        .inInterface(InterfaceMatch("veth0", inverted: true)),
                        .verdict(.accept)
                    ),
                    NFTRule(
                        .inInterface(
                            InterfaceMatch("abcdefghijklmno", isPrefix: true, inverted: true)
                        ),
                        .verdict(.accept)
                    ),
                    NFTRule(
                        .address(.destination, IPPrefix(address(0), length: 0)),
                        .verdict(.drop)
                    ),
                    NFTRule(.contained([.address(.destination)], in: Self.addresses), .reject),
                    NFTRule(
                        .contained([.address(.destination)], in: Self.addresses, inverted: true),
                        .setMarkBits(0x8000_0000)
                    ),
                    NFTRule(.connectionState([.invalid, .new, .untracked]), .verdict(.drop)),
                    NFTRule(.transports([.udp]), .verdict(.drop)),
                    NFTRule(.mark(PacketMark(value: 1, mask: 3)), .setMarkBits(0x4000), balance),
                ]
            ),
        ]
    }

    private var balancers: [NFTChain] {
        let update = NFTStatement.update(
            Self.clients,
            key: [.address(.source)],
            data: .priority,
            timeoutSeconds: 10800
        )
        func chain(_ name: String, _ expression: NFTExpression) -> NFTChain {
            NFTChain(
                Self.chain(name),
                rules: [
                    NFTRule(.maskPriority(0xffff_c000)),
                    NFTRule(
                        Self.transports,
                        .destinationNAT([.priority, expression], Self.endpoints)
                    ),
                ]
            )
        }
        return [
            chain("random-2", .random(2)),
            chain("robin-3", .roundRobin(3)),
            chain("source-251", .hash([.address(.source)], modulus: 251, seed: 0xfa17_1ead)),
            chain(
                "port-251",
                .hash([.address(.source), .port(.source)], modulus: 251, seed: 1)
            ),
            NFTChain(
                Self.chain("balance"),
                rules: [
                    NFTRule(.verdictMap([.maskedPriority(0x3fff)], Self.balancers)),
                    NFTRule(.verdictMap([.priority], Self.verdicts)),
                ]
            ),
            NFTChain(
                Self.chain("known"),
                rules: [
                    NFTRule(update),
                    NFTRule(Self.transports, .destinationNAT([.priority], Self.numbers)),
                    NFTRule(.delete(Self.clients, key: [.address(.source)], data: .priority)),
                ]
            ),
            NFTChain(
                Self.chain("affinity"),
                rules: [
                    NFTRule(
                        .setPriorityFromMap([.address(.source)], Self.clients),
                        .verdict(.jump(Self.chain("known")))
                    ),
                    NFTRule(.setPriority(0x0004_0000)),
                    NFTRule(.setPriorityFromMap([.priority, .random(2)], Self.choices)),
                    NFTRule(update),
                    NFTRule(Self.transports, .destinationNAT([.priority], Self.numbers)),
                ]
            ),
        ]
    }
}
