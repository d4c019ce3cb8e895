import Addressing
import DataplaneModel
import XTables

/// Every match and every target at least once, in a shape that the kernel takes; but for the match
/// of IPVS, which not every kernel has.
struct RuleCatalogue {
    let family: IPFamily

    private func address(_ number: Int) -> IPAddress {
        family == .ipv4
            ? IPAddress(ipv4: 0x0a00_0000 + UInt32(number))
            : IPAddress(family: .ipv6, bits: UInt128(0xfd00) << 112 + UInt128(number))
    }

    private func socket(_ number: Int, _ port: UInt16) -> SocketAddress {
        guard let port = PortNumber(Int(port)) else { fatalError("port 0") }
        return SocketAddress(address(number), port)
    }

    static let owner = "TEST-"
    static func owns(_ name: String) -> Bool { name.hasPrefix(owner) }

    var state: IPTablesState {
        let conditions = ChainName("TEST-CONDITIONS")
        let service = ChainName("TEST-SVC-AAAAAAAAAAAAAAAAAAA")
        let post = ChainName("TEST-POST")
        let reject = ChainName("TEST-REJECT")
        var nat = OwnedTable()
        nat.chains[conditions] = Chain(conditions, rules: conditionRules, title: "all conditions")
        nat.chains[service] = Chain(service, rules: serviceRules, title: "default/web:http")
        nat.chains[post] = Chain(post, rules: postroutingRules)
        nat.jumps = [
            Jump(from: .prerouting, rule: Rule(target: .jump(service))),
            Jump(from: .prerouting, rule: Rule(target: .jump(conditions))),
            Jump(
                from: .output,
                rule: Rule(matches: [.comment("services")], target: .jump(service))
            ),
            Jump(from: .postrouting, rule: Rule(target: .jump(post))),
        ]
        var filter = OwnedTable()
        filter.chains[reject] = Chain(reject, rules: filterRules)
        filter.jumps = [
            Jump(from: .input, rule: newConnections(to: reject)),
            Jump(from: .forward, rule: newConnections(to: reject)),
        ]
        let marks = ChainName("TEST-MARKS")
        var mangle = OwnedTable()
        mangle.chains[marks] = Chain(marks, rules: markRules)
        mangle.jumps = [
            Jump(from: .prerouting, rule: newConnections(to: marks)),
            Jump(from: .output, rule: newConnections(to: marks)),
        ]
        return IPTablesState(filter: filter, mangle: mangle, nat: nat)
    }

    /// What the rules ask.
    var sets: [IPSetName: IPSet] { SetCatalogue(family: family).all(count: 1) }

    /// Numbers for those sets, where there is no kernel to give them any.
    static let indexes = SetIndexes(
        Dictionary(uniqueKeysWithValues: zip(setNames, [7, 0, 65534, 258]))
    )

    static let setNames = IPSetKind.allCases.map { SetCatalogue(family: .ipv4).name($0) }

    private func newConnections(to chain: ChainName) -> Rule {
        Rule(matches: [.connectionState(.new)], target: .jump(chain))
    }

    private var conditionRules: [Rule] {
        let wide = IPPrefix(address(0), length: family == .ipv4 ? 8 : 16)
        let all = IPPrefix(address(0), length: 0)
        let headers: [Rule] = [
            Rule(source: PrefixMatch(address(1)), target: .accept),
            Rule(source: PrefixMatch(wide, inverted: true), target: .accept),
            Rule(destination: PrefixMatch(wide), target: .accept),
            Rule(destination: PrefixMatch(all, inverted: true), target: .accept),
            Rule(inInterface: InterfaceMatch("eth0"), target: .returnToCaller),
            Rule(inInterface: InterfaceMatch("veth", isPrefix: true), target: .accept),
            Rule(inInterface: InterfaceMatch("a2345678901234", isPrefix: true), target: .accept),
            Rule(
                inInterface: InterfaceMatch("cni", isPrefix: true, inverted: true),
                target: .accept
            ),
            Rule(inInterface: InterfaceMatch("lo", inverted: true), target: .accept),
            Rule(transport: .udp, target: .accept),
        ]
        return headers + matchRules
    }

    private var matchRules: [Rule] {
        let states: ConnectionState = [
            .invalid, .new, .related, .established, .untracked, .snat, .dnat,
        ]
        let program = [
            BPFInstruction(0x30, operand: 9), BPFInstruction(0x15, jumpFalse: 1, operand: 6),
            BPFInstruction(0x06, operand: 0xffff_ffff), BPFInstruction(0x06, operand: 0),
        ]
        let lists: [Match] = [
            .recent(RecentMatch(.set, list: "TEST-LIST")),
            .recent(RecentMatch(.update(seconds: 10800), list: "TEST-LIST")),
        ]
        let alone: [Match] = [
            .connectionState(.new), .connectionState(states),
            .connectionState([.related, .established], inverted: true),
            .mark(PacketMark(bit: 0x4000)), .mark(PacketMark(bit: 0x4000), inverted: true),
            .mark(PacketMark(value: 7, mask: .max)), .mark(PacketMark(value: 0, mask: 0)),
            .sourceIsLocal(), .sourceIsLocal(inverted: true),
            .destinationIsLocal(), .destinationIsLocal(inverted: true),
            .random(Probability(1, outOf: 3)), .random(Probability(1, outOf: 1)),
            .random(Probability(units: 1)), .bpf(program), .comment("plain_word-9"),
            .comment("quoted: it's \"so\" \\ here"),
            .comment(String(repeating: "long ", count: 51)),
        ]
        let ports: [ClosedRange<UInt16>] = [80...80, 30000...30007, 0...65535, 0...0]
        return (alone + lists + setMatches).map { Rule(matches: [$0], target: .returnToCaller) }
            + TransportProtocol.allCases.flatMap { transport in
                ports.map {
                    Rule(
                        transport: transport,
                        matches: [.destinationPort(transport, $0)],
                        target: .returnToCaller
                    )
                }
            }
    }

    var setMatches: [Match] {
        let catalogue = SetCatalogue(family: family)
        return [
            .set(catalogue.name(.address), [.destination]),
            .set(catalogue.name(.address), [.source], inverted: true),
            .set(catalogue.name(.port), [.destination]),
            .set(catalogue.name(.frontend), [.destination, .destination]),
            .set(catalogue.name(.frontendSource), [.destination, .destination, .source]),
            .set(
                catalogue.name(.frontendSource),
                [.source, .destination, .source],
                inverted: true
            ),
        ]
    }

    private var markRules: [Rule] {
        let name = SetCatalogue(family: family).name(.frontend)
        return [
            Rule(
                source: PrefixMatch(IPPrefix(address(3)), inverted: true),
                matches: [.set(name, [.destination, .destination])],
                target: .markFromSet(name, [.destination, .destination])
            ),
            Rule(target: .markFromSet(name, [.destination, .source])),
            Rule(matches: [.mark(PacketMark(bit: 0x10000))], target: .drop),
        ]
    }

    private var serviceRules: [Rule] {
        let target = ChainName("TEST-CONDITIONS")
        return [
            Rule(
                source: PrefixMatch(IPPrefix(address(3)), inverted: true),
                destination: PrefixMatch(address(9)),
                transport: .tcp,
                matches: [
                    .destinationPort(.tcp, 80...80), .comment("default/web:http"),
                    .destinationIsLocal(inverted: true), .mark(PacketMark(bit: 0x8000)),
                ],
                target: .mark(PacketMark(bit: 0x4000))
            ),
            Rule(target: .mark(PacketMark(value: 0, mask: 0xffff_ffff))),
            Rule(
                transport: .tcp,
                matches: [.random(Probability(1, outOf: 2))],
                target: .destinationNAT(socket(17, 8080))
            ),
            Rule(transport: .udp, target: .destinationNAT(socket(18, 53))),
            Rule(transport: .sctp, target: .destinationNAT(socket(19, 65535))),
            Rule(destination: PrefixMatch(address(9)), target: .goto(target)),
            Rule(target: .jump(target)),
        ]
    }

    private var postroutingRules: [Rule] {
        [
            Rule(
                outInterface: InterfaceMatch("eth", isPrefix: true, inverted: true),
                matches: [.mark(PacketMark(bit: 0x4000), inverted: true)],
                target: .returnToCaller
            ),
            Rule(outInterface: InterfaceMatch("eth1"), target: .masquerade),
            Rule(target: .masquerade),
        ]
    }

    private var filterRules: [Rule] {
        [
            Rule(transport: .udp, matches: [.destinationPort(.udp, 53...53)], target: .reject),
            Rule(target: .reject),
            Rule(target: .drop),
        ]
    }
}
