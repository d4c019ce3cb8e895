import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

/// Rules, sets and servers together, as ipvs mode lays them out.
@Suite struct IPVSServiceTests {
    private static let inside: UInt32 = 0x10001
    private static let insideBit = PacketMark(bit: 0x10000)

    /// default/web:http: 10.96.0.10:80, and 198.51.100.7:80 with external policy Local; its
    /// endpoints are 10.244.1.20 here and 10.244.2.20 elsewhere. default/far:http has the same at
    /// 198.51.100.8:80, but no endpoint here.
    static var services: HandMadeIPVS {
        var made = HandMadeIPVS()
        let both = [RealServer.real("10.244.1.20:8080"), .real("10.244.2.20:8080")]
        made.server("10.96.0.10:80", title: "default/web:http", both)
        made.server("198.51.100.7:80", title: "default/web:http", [both[0]])
        made.server(.mark(inside, .ipv4), title: "default/web:http", both)
        made.server("198.51.100.8:80", title: "default/far:http", [])
        made.server(.mark(inside + 1, .ipv4), title: "default/far:http", [both[1]])
        addSets(&made)
        addRules(&made)
        return made
    }

    private static func addSets(_ made: inout HandMadeIPVS) {
        let addresses = ["10.96.0.10", "198.51.100.7", "198.51.100.8"]
        made.set("FAIRLEAD-4-ADDRESSES", .address, addresses.map { .address(address($0)) })
        made.set(
            "FAIRLEAD-4-FRONTENDS",
            .frontend,
            [.at("10.96.0.10:80"), .at("198.51.100.7:80"), .at("198.51.100.8:80")]
        )
        made.set("FAIRLEAD-4-CLUSTER", .frontend, [.at("10.96.0.10:80")])
        made.set(
            "FAIRLEAD-4-INSIDE",
            .frontend,
            marks: [(.at("198.51.100.7:80"), inside), (.at("198.51.100.8:80"), inside + 1)]
        )
        made.set(
            "FAIRLEAD-4-DROP",
            .frontend,
            title: "policy Local without endpoints here",
            [.at("198.51.100.8:80")]
        )
        made.set("FAIRLEAD-4-LIMITED", .frontend, [.at("198.51.100.7:80")])
        made.set(
            "FAIRLEAD-4-ALLOWED",
            .frontendSource,
            [
                .at("198.51.100.7:80", from: "203.0.113.0/24"),
                .at("198.51.100.7:80", from: "10.244.0.0/16"),
                .at("198.51.100.7:80", from: "192.0.2.1/32"),
                .at("198.51.100.7:80", from: "198.51.100.7/32"),
            ]
        )
    }

    private static func addRules(_ made: inout HandMadeIPVS) {
        let pods = PrefixMatch(prefix("10.244.0.0/16"))
        let notPods = PrefixMatch(prefix("10.244.0.0/16"), inverted: true)
        func on(_ set: String) -> Match { .set("FAIRLEAD-4-\(set)", .destination, .destination) }
        let allowed = Match.set(
            "FAIRLEAD-4-ALLOWED",
            .destination,
            .destination,
            .source,
            inverted: true
        )
        let mark = Target.mark(from: "FAIRLEAD-4-INSIDE", .destination, .destination)
        let unmarked = Match.mark(insideBit, inverted: true)
        for chain in [BuiltinChain.prerouting, .output] {
            made.rules.builtin(
                .mangle,
                chain,
                [Rule(matches: [.connectionState(.new)], target: .to("FAIRLEAD-FIRST"))]
            )
            made.rules.builtin(chain, [Rule(target: .to("FAIRLEAD-NAT"))])
        }
        made.rules.chain(
            .mangle,
            "FAIRLEAD-FIRST",
            title: "who may go where",
            [
                Rule(matches: [on("LIMITED"), allowed], target: .drop),
                Rule(source: pods, target: mark), Rule(matches: [.sourceIsLocal()], target: mark),
                Rule(matches: [unmarked, on("DROP")], target: .drop),
            ]
        )
        made.rules.chain(
            .nat,
            "FAIRLEAD-NAT",
            [Rule(source: notPods, matches: [on("CLUSTER")], target: .mark(masqueradeMark))]
        )
        made.rules.builtin(
            .postrouting,
            [
                Rule(matches: [.ipvs(), .bpf(HairpinTests.ipv4)], target: .masquerade),
                Rule(
                    matches: [.ipvs(), .set("FAIRLEAD-4-ADDRESSES", .source)],
                    target: .masquerade
                ),
                Rule(
                    matches: [.ipvs(), .mark(insideBit), .sourceIsLocal()],
                    target: .masquerade
                ), Rule(matches: [.mark(masqueradeMark)], target: .masquerade),
            ]
        )
        made.rules.builtin(
            .filter,
            .input,
            [
                Rule(matches: [on("FRONTENDS")], target: .returnToCaller),
                Rule(
                    transport: .tcp,
                    matches: [.set("FAIRLEAD-4-ADDRESSES", .destination)],
                    target: .reject
                ),
            ]
        )
    }

    @Test("ClusterIPs balance for all clients, and keep the sources of pods")
    func clusterIP() throws {
        let all = "10.244.1.20:8080, 10.244.2.20:8080"
        let flows = """
            10.244.1.7   -> 10.96.0.10:80/tcp = \(all)
            192.0.2.1    -> 10.96.0.10:80/tcp = \(all); masq
            10.96.0.10   -> 10.96.0.10:80/tcp = \(all); masq
            203.0.113.9  -> 10.96.0.10:80/tcp = \(all); masq
            10.244.1.20  -> 10.96.0.10:80/tcp = 10.244.1.20:8080 masq, 10.244.2.20:8080
            10.244.1.7   -> 10.96.0.10:81/tcp = REJECT
            192.0.2.1    -> 10.96.0.10:81/tcp = REJECT
            10.244.1.7   -> 10.96.0.10/icmp   = UNTOUCHED
            """
        #expect(try Self.services.mismatches(flows) == [])
    }

    @Test("Policy Local: outside to the endpoint here, pods and node to all of them")
    func policyLocal() throws {
        let all = "10.244.1.20:8080, 10.244.2.20:8080"
        let flows = """
            203.0.113.9  -> 198.51.100.7:80/tcp = 10.244.1.20:8080
            10.244.1.7   -> 198.51.100.7:80/tcp = \(all)
            192.0.2.1    -> 198.51.100.7:80/tcp = \(all); masq
            198.51.100.7 -> 198.51.100.7:80/tcp = \(all); masq
            10.244.1.20  -> 198.51.100.7:80/tcp = 10.244.1.20:8080 masq, 10.244.2.20:8080
            203.0.113.9  -> 198.51.100.8:80/tcp = DROP
            10.244.1.7   -> 198.51.100.8:80/tcp = 10.244.2.20:8080
            192.0.2.1    -> 198.51.100.8:80/tcp = 10.244.2.20:8080 masq
            """
        #expect(try Self.services.mismatches(flows) == [])
    }

    @Test("Source ranges drop all other clients, before IPVS")
    func sourceRanges() throws {
        let flows = """
            203.0.114.9 -> 198.51.100.7:80/tcp = DROP
            203.0.114.9 -> 10.96.0.10:80/tcp   = 10.244.1.20:8080, 10.244.2.20:8080; masq
            """
        #expect(try Self.services.mismatches(flows) == [])
    }

    @Test("Where rules for all Services drop or reject, the virtual server names the Service")
    func namesOfDropped() throws {
        let dropped = try Self.services.trace("203.0.113.9", to: "198.51.100.8:80/tcp")
        #expect(dropped.title == "default/far:http")
        #expect(
            dropped.reason
                == "198.51.100.8:80/tcp is in FAIRLEAD-4-DROP (policy Local without endpoints here)"
        )
        let rejected = try Self.services.trace("203.0.113.9", to: "10.96.0.10:81/tcp")
        #expect(rejected.title == nil)
        #expect(rejected.reason == "10.96.0.10 is in FAIRLEAD-4-ADDRESSES")
        var made = Self.services
        made.rules.builtin(.filter, .input, [Rule(target: .drop)])
        made.rules.state.filter.jumps.removeFirst(2)
        let late = try made.trace("203.0.113.9", to: "198.51.100.7:80/tcp")
        #expect(late.title == "default/web:http")
    }

    @Test("A ping that a rule rejects is rejected")
    func rejectedPing() throws {
        var made = Self.services
        made.rules.builtin(
            .filter,
            .input,
            [Rule(matches: [.set("FAIRLEAD-4-ADDRESSES", .destination)], target: .reject)]
        )
        #expect(try made.mismatches("203.0.113.9 -> 10.96.0.10/icmp = REJECT") == [])
    }

    @Test("The report shows marks, the virtual server and its real servers")
    func report() throws {
        let trace = try Self.services.trace("192.0.2.1", to: "198.51.100.7:80/tcp")
        let report = TraceReport(trace).description
        let expected = """
            IPVS OUTPUT
              virtual server mark 0x10001, wrr
                   → takes it – the mark wins over 198.51.100.7:80/tcp
              mark 0x10001 (default/web:http)
                real server 10.244.1.20:8080, weight 1
                     → destination becomes 10.244.1.20:8080, 50% (1/2) of new clients
                real server 10.244.2.20:8080, weight 1
                     → destination becomes 10.244.2.20:8080, 50% (1/2) of new clients
            mangle OUTPUT
            """
        #expect(report.contains(expected), "\(report)")
        #expect(
            report.hasPrefix(
                "192.0.2.1 → 198.51.100.7:80/tcp reaches 2 endpoints of default/web:http, "
                    + "source masqueraded\n"
            )
        )
        #expect(report.contains("→ mark becomes 0x10001 (from FAIRLEAD-4-INSIDE)"))
    }
}
