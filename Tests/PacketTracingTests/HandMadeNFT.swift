import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

/// A small table of nftables mode written by hand, and traces through it.
struct HandMadeNFT {
    var state = NFTablesState(table: .active)
    var network = HandMadeState().network
    var maximumTests = 1_000_000
    /// Services by the value of `meta priority` that leads to their endpoints.
    var titles: [UInt32: String] = [:]

    mutating func chain(_ name: String, title: String? = nil, _ rules: NFTRule...) {
        add(NFTChain(NFTChainName(name), rules: rules, title: title))
    }

    mutating func base(
        _ name: String,
        _ kind: NFTHook.Kind,
        _ place: NFTHook.Place,
        _ priority: Int32,
        drops: Bool = false,
        _ rules: NFTRule...
    ) {
        let hook = NFTHook(kind, place, priority: priority, dropsByDefault: drops)
        add(NFTChain(NFTChainName(name), hook: hook, rules: rules))
    }

    /// The usual base chains of nat, with one rule each.
    mutating func nat(_ rule: NFTRule) {
        base("nat-prerouting", .nat, .prerouting, -100, rule)
        base("nat-output", .nat, .output, -100, rule)
    }

    mutating func add(_ chain: NFTChain) {
        state.chains[chain.name] = chain
    }

    mutating func set(
        _ name: String,
        _ key: [NFTField],
        to mapping: NFTSetShape.Mapping = .none,
        isInterval: Bool = false,
        isDynamic: Bool = false,
        title: String? = nil,
        _ elements: [NFTElement] = []
    ) {
        let shape = NFTSetShape(key, mapping: mapping, isInterval: isInterval, isDynamic: isDynamic)
        state.sets[NFTSetName(name)] = NFTSet(
            NFTSetName(name),
            shape,
            elements: NFTElements(uniqueKeysWithValues: elements.map { ($0.key, $0.data) }),
            title: title
        )
    }

    mutating func put(_ elements: NFTElement..., into name: String) {
        for element in elements {
            state.sets[NFTSetName(name)]?.elements[element.key] = element.data
        }
    }

    func tracer(_ network: NodeNetwork) -> NFTablesTracer {
        NFTablesTracer(
            state,
            network: network,
            maximumTests: maximumTests,
            title: { [titles] in titles[$0] },
            ruleText: { NFTablesRenderer(family: $1).render($0) }
        )
    }

    func trace(
        _ source: String,
        via interface: String? = nil,
        to destination: String,
        _ detail: TraceDetail = .matches
    ) throws -> PacketTrace {
        let packet = TracedPacket(
            from: address(source),
            via: interface,
            to: try #require(PacketDestination(destination))
        )
        return tracer(network).trace(packet, detail: detail)
    }

    /// Checks a flow file against the table.
    func mismatches(_ flows: String) throws -> [FlowMismatch] {
        var file = try FlowFile(parsing: flows)
        file.network.localAddresses.formUnion(network.localAddresses)
        file.network.attachments += network.attachments
        return file.mismatches(in: .nftables) { _, network in tracer(network) }
    }
}

extension NFTStatement {
    static func jump(_ chain: String) -> NFTStatement { .verdict(.jump(NFTChainName(chain))) }
    static func go(_ chain: String) -> NFTStatement { .verdict(.goto(NFTChainName(chain))) }
    static var drop: NFTStatement { .verdict(.drop) }
    static var accept: NFTStatement { .verdict(.accept) }
    static var leave: NFTStatement { .verdict(.returnToCaller) }

    static func to(_ address: String) -> NFTStatement { .address(.destination, prefix(address)) }
    static func from(_ address: String) -> NFTStatement { .address(.source, prefix(address)) }

    static func isIn(_ set: String, _ key: NFTExpression...) -> NFTStatement {
        .contained(key, in: NFTSetName(set))
    }

    static func isNotIn(_ set: String, _ key: NFTExpression...) -> NFTStatement {
        .contained(key, in: NFTSetName(set), inverted: true)
    }

    static func priority(from map: String, _ key: NFTExpression...) -> NFTStatement {
        .setPriorityFromMap(key, NFTSetName(map))
    }

    static func judge(by map: String, _ key: NFTExpression...) -> NFTStatement {
        .verdictMap(key, NFTSetName(map))
    }

    static func dnat(by map: String, _ key: NFTExpression...) -> NFTStatement {
        .destinationNAT(key, NFTSetName(map))
    }

    /// Whatever has ports.
    static let anyTransport = NFTStatement.transports(TransportProtocol.allCases)
}

extension [NFTExpression] {
    static let frontend: [NFTExpression] = [
        .address(.destination), .transport, .port(.destination),
    ]
    static let nodePort: [NFTExpression] = [.transport, .port(.destination)]
}

extension [NFTField] {
    static let frontend: [NFTField] = [.address, .transport, .port]
    static let nodePort: [NFTField] = [.transport, .port]
}

extension NFTElement {
    static func frontend(_ text: String, _ value: UInt32? = nil) -> NFTElement {
        NFTElement(NFTValue(socket(text), .tcp), value.map { .value(NFTValue($0)) } ?? .none)
    }

    static func nodePort(_ number: UInt16, _ value: UInt32? = nil) -> NFTElement {
        NFTElement(NFTValue(.tcp, port(number)), value.map { .value(NFTValue($0)) } ?? .none)
    }

    static func address(_ text: String) -> NFTElement {
        NFTElement(NFTValue(PacketTracingTests.address(text)))
    }

    /// A slot with its endpoint.
    static func slot(_ list: UInt32, _ index: UInt32, _ endpoint: String) -> NFTElement {
        NFTElement(NFTValue(list, index), .value(NFTValue(socket(endpoint))))
    }

    /// A value of `meta priority` with a verdict.
    static func judge(_ value: UInt32, _ verdict: NFTVerdict) -> NFTElement {
        NFTElement(NFTValue(value), .verdict(verdict))
    }
}

extension NFTVerdict {
    static func go(_ chain: String) -> NFTVerdict { .goto(NFTChainName(chain)) }
}
