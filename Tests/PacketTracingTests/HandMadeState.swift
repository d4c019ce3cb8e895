import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

/// A small iptables state written chain by chain, and traces through it.
struct HandMadeState {
    var state = IPTablesState()
    var network = NodeNetwork(
        localAddresses: [address("192.0.2.1"), address("2001:db8::1")],
        attachments: [NodeNetwork.Attachment(prefix("10.244.1.0/24"), interface: "cni0")]
    )

    mutating func chain(
        _ table: TableName,
        _ name: String,
        title: String? = nil,
        _ rules: [Rule]
    ) {
        state[table].chains[ChainName(name)] = Chain(ChainName(name), rules: rules, title: title)
    }

    mutating func builtin(_ table: TableName, _ chain: BuiltinChain, _ rules: [Rule]) {
        state[table].jumps += rules.map { Jump(from: chain, rule: $0) }
    }

    mutating func chain(_ name: String, title: String? = nil, _ rules: [Rule]) {
        chain(.nat, name, title: title, rules)
    }

    mutating func builtin(_ chain: BuiltinChain, _ rules: [Rule]) {
        builtin(.nat, chain, rules)
    }

    var tracer: PacketTracer {
        PacketTracer(state, network: network) { rule, _ in "\(rule.target)" }
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
        return tracer.trace(packet, detail: detail)
    }

    /// Checks a flow file against the state.
    func mismatches(_ flows: String) throws -> [FlowMismatch] {
        var file = try FlowFile(parsing: flows)
        file.network.localAddresses.formUnion(network.localAddresses)
        file.network.attachments += network.attachments
        return file.mismatches(in: .iptables) { _, network in
            PacketTracer(state, network: network) { rule, _ in "\(rule.target)" }
        }
    }
}

extension PacketTrace {
    /// The only end.
    var result: FlowResult? { outcomes.count == 1 ? outcomes[0].result : nil }

    var matchedRules: [String] {
        path.flatMap(\.steps).filter(\.matched).map { "\($0.chain) \($0.ruleIndex ?? 0)" }
    }
}

/// A constant of a test; a wrong one shows as 0.0.0.0.
func address(_ text: String) -> IPAddress {
    IPAddress(text) ?? IPAddress(ipv4: 0)
}

func prefix(_ text: String) -> IPPrefix {
    IPPrefix(text) ?? IPPrefix(address("0.0.0.0"))
}

/// A constant of a test; a wrong one shows as 0.0.0.0 in what is compared.
func socket(_ text: String) -> SocketAddress {
    if let socket = SocketAddress(parsing: text) { return socket }
    Issue.record("\(text) is not a socket address")
    return SocketAddress(address("0.0.0.0"), port(1))
}

func port(_ number: UInt16) -> PortNumber {
    guard let port = PortNumber(Int(number)) else { preconditionFailure("port 0") }
    return port
}

extension Match {
    static func tcp(_ port: UInt16) -> Match { .destinationPort(.tcp, port...port) }
}

extension Target {
    static func to(_ chain: String) -> Target { .jump(ChainName(chain)) }
    static func go(_ chain: String) -> Target { .goto(ChainName(chain)) }
    static func dnat(_ endpoint: String) -> Target { .destinationNAT(socket(endpoint)) }
}

extension Rule {
    /// `-d address -p tcp --dport port`.
    static func frontend(_ destination: String, _ port: UInt16, _ target: Target) -> Rule {
        Rule(
            destination: PrefixMatch(prefix(destination)),
            transport: .tcp,
            matches: [.tcp(port)],
            target: target
        )
    }
}

/// The usual mark, 0x4000.
let masqueradeMark = PacketMark(bit: 0x4000)

extension HandMadeState {
    /// One Service with the usual dispatch from both nat hooks, and masquerading by mark.
    static func service(
        at clusterIP: String = "10.96.0.10",
        _ rules: [Rule],
        masquerading: Bool = true
    ) -> HandMadeState {
        var made = HandMadeState()
        made.builtin(.prerouting, [Rule(target: .to("SERVICES"))])
        made.builtin(.output, [Rule(target: .to("SERVICES"))])
        made.chain("SERVICES", title: "all Services", [.frontend(clusterIP, 80, .to("SVC-WEB"))])
        made.chain("SVC-WEB", title: "default/web:http", rules)
        if masquerading {
            made.builtin(.postrouting, [Rule(target: .to("POSTROUTING"))])
            made.chain(
                "POSTROUTING",
                [
                    Rule(matches: [.mark(masqueradeMark, inverted: true)], target: .returnToCaller),
                    Rule(target: .mark(PacketMark(value: 0x4000, mask: 0))),
                    Rule(target: .masquerade),
                ]
            )
        }
        return made
    }

    /// DNAT rules that choose evenly, the last without a condition.
    static func evenly(_ endpoints: [String]) -> [Rule] {
        endpoints.enumerated().map { index, endpoint in
            let left = endpoints.count - index
            return Rule(
                transport: .tcp,
                matches: left > 1 ? [.random(Probability(1, outOf: left))] : [],
                target: .dnat(endpoint)
            )
        }
    }
}
