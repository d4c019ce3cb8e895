import Addressing
import DataplaneModel
import TestSupport
import Testing

@testable import PacketTracing

@Suite struct IPVSHookTests {
    /// A frontend on 10.96.0.10, and rules in mangle's two hooks so that they show.
    private func made(_ realServers: RealServer...) -> HandMadeIPVS {
        var made = HandMadeIPVS()
        made.server("10.96.0.10:80", realServers)
        let nothing = Rule(matches: [.tcp(1)], target: .accept)
        for chain in [BuiltinChain.prerouting, .output] {
            made.rules.builtin(.mangle, chain, [nothing])
        }
        return made
    }

    private func hooks(_ made: HandMadeIPVS, _ source: String, _ to: String) throws -> [String] {
        try made.trace(source, via: "eth0", to: to).hooks
    }

    private let received = [
        "mangle PREROUTING", "nat PREROUTING", "filter INPUT", "IPVS INPUT",
    ]
    private let sent = ["mangle OUTPUT", "nat OUTPUT", "IPVS OUTPUT"]
    private let sentAnew = ["mangle OUTPUT", "filter OUTPUT", "nat POSTROUTING"]
    private let overLoopback = ["mangle PREROUTING", "filter INPUT"]

    @Test("From elsewhere to another host: INPUT, IPVS, and out as if the node had sent it")
    func fromElsewhere() throws {
        let made = made(.real("10.180.1.1:80"))
        let frontend = "10.96.0.10:80/tcp"
        #expect(try hooks(made, "203.0.113.9", frontend) == received + sentAnew)
        #expect(try hooks(made, "203.0.113.9", "10.96.0.10:81/tcp") == received + ["nat INPUT"])
        #expect(
            try hooks(made, "203.0.113.9", "10.97.0.1:80/tcp")
                == ["mangle PREROUTING", "nat PREROUTING", "filter FORWARD", "nat POSTROUTING"]
        )
    }

    @Test("From elsewhere to a real server on the node: delivered where it is")
    func fromElsewhereToNode() throws {
        let made = made(.real("192.0.2.1:8080"))
        let trace = try made.trace("203.0.113.9", to: "10.96.0.10:80/tcp")
        #expect(trace.hooks == received + ["nat INPUT"])
        #expect(trace.result == FlowResult(.delivered(socket("192.0.2.1:8080"))))
        #expect(trace.steps("IPVS INPUT").last?.reasons == ["that is this node"])
    }

    @Test("From the node to another host: OUTPUT twice, but nat once")
    func fromNode() throws {
        let made = made(.real("10.180.1.1:80"))
        #expect(try hooks(made, "192.0.2.1", "10.96.0.10:80/tcp") == sent + sentAnew)
        // The kernel's own choice of a source for an address of the node.
        #expect(try hooks(made, "10.96.0.10", "10.96.0.10:80/tcp") == sent + sentAnew)
    }

    @Test("From the node to itself, by IPVS or without: over lo, where nat is not asked again")
    func fromNodeToNode() throws {
        let made = made(.real("192.0.2.1:8080"))
        let all = sent + ["filter OUTPUT", "nat POSTROUTING"] + overLoopback
        #expect(try hooks(made, "192.0.2.1", "10.96.0.10:80/tcp") == all)
        #expect(try hooks(made, "192.0.2.1", "10.96.0.10:81/tcp") == all)
        #expect(
            try hooks(made, "192.0.2.1", "10.97.0.1:80/tcp")
                == sent + ["filter OUTPUT", "nat POSTROUTING"]
        )
        let trace = try made.trace("192.0.2.1", to: "10.96.0.10:80/tcp")
        #expect(trace.result == FlowResult(.delivered(socket("192.0.2.1:8080"))))
    }

    @Test("From elsewhere IPVS sees what is for the node; from the node, everything")
    func boundAddresses() throws {
        var made = made(.real("10.180.1.1:80"))
        made.binding.addresses = []
        let flows = """
            203.0.113.9 -> 10.96.0.10:80/tcp = UNTOUCHED
            192.0.2.1   -> 10.96.0.10:80/tcp = 10.180.1.1:80
            """
        #expect(try made.mismatches(flows) == [])
        made.binding.ranges = [prefix("10.96.0.0/12")]
        #expect(try made.mismatches("203.0.113.9 -> 10.96.0.10:80/tcp = 10.180.1.1:80") == [])
        #expect(try hooks(made, "203.0.113.9", "10.97.0.1:80/tcp") == received + ["nat INPUT"])
    }

    @Test("Bound addresses are of type LOCAL, as source and as destination")
    func boundIsLocal() throws {
        var made = made(.real("10.180.1.1:80"))
        made.rules.builtin(
            .filter,
            .output,
            [Rule(matches: [.sourceIsLocal(), .destinationIsLocal()], target: .drop)]
        )
        let flows = """
            10.96.0.10 -> 10.96.0.10:81/tcp = DROP
            10.96.0.10 -> 10.96.0.10:80/tcp = 10.180.1.1:80
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("filter INPUT comes before IPVS and sees the frontend, filter OUTPUT sees the endpoint")
    func filters() throws {
        for (chain, destination, port) in [
            (BuiltinChain.input, "10.96.0.10/32", UInt16(80)), (.output, "10.180.1.1/32", 8080),
        ] {
            var made = made(.real("10.180.1.1:8080"))
            made.rules.builtin(.filter, chain, [.frontend(destination, port, .drop)])
            #expect(try made.mismatches("203.0.113.9 -> 10.96.0.10:80/tcp = DROP") == [])
        }
        var fromNode = made(.real("10.180.1.1:8080"))
        fromNode.rules.builtin(.filter, .output, [.frontend("10.96.0.10/32", 80, .drop)])
        #expect(try fromNode.mismatches("192.0.2.1 -> 10.96.0.10:80/tcp = 10.180.1.1:8080") == [])
    }

    @Test("The second round through OUTPUT still is a new connection, and none that DNAT changed")
    func secondRound() throws {
        var made = made(.real("10.180.1.1:8080"))
        let mark = PacketMark(bit: 0x8)
        made.rules.builtin(
            .mangle,
            .output,
            [
                Rule(
                    destination: PrefixMatch(address("10.180.1.1")),
                    inInterface: InterfaceMatch("", isPrefix: true),
                    matches: [.ipvs(), .connectionState(.new)],
                    target: .mark(mark)
                ),
                Rule(matches: [.connectionState(.dnat)], target: .drop),
            ]
        )
        made.rules.builtin(.output, [Rule(matches: [.ipvs()], target: .dnat("10.1.1.1:1"))])
        made.rules.builtin(.postrouting, [Rule(matches: [.mark(mark)], target: .masquerade)])
        let flows = """
            203.0.113.9 -> 10.96.0.10:80/tcp = 10.180.1.1:8080 masq
            192.0.2.1   -> 10.96.0.10:80/tcp = 10.180.1.1:8080 masq
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("-m ipvs only matches after IPVS")
    func ipvsMatch() throws {
        var made = made(.real("10.180.1.1:80"))
        made.rules.builtin(.postrouting, [Rule(matches: [.ipvs()], target: .masquerade)])
        made.rules.builtin(
            .filter,
            .input,
            [Rule(matches: [.ipvs(inverted: true), .tcp(82)], target: .drop)]
        )
        let flows = """
            203.0.113.9 -> 10.96.0.10:80/tcp = 10.180.1.1:80 masq
            203.0.113.9 -> 10.97.0.1:80/tcp  = UNTOUCHED
            203.0.113.9 -> 10.96.0.10:82/tcp = DROP
            """
        #expect(try made.mismatches(flows) == [])
        let trace = try made.trace("203.0.113.9", to: "10.96.0.10:80/tcp", .everything)
        #expect(trace.steps("nat POSTROUTING").first?.reasons == ["IPVS has taken it"])
        let other = try made.trace("203.0.113.9", to: "10.97.0.1:80/tcp", .everything)
        #expect(other.steps("nat POSTROUTING").first?.reasons == ["IPVS has not taken it"])
    }

    @Test("Nat comes before IPVS: it can lead to a frontend")
    func natFirst() throws {
        var made = made(.real("10.180.1.1:80"))
        made.rules.builtin(.prerouting, [.frontend("10.97.0.1/32", 80, .dnat("10.96.0.10:80"))])
        made.rules.builtin(
            .filter,
            .output,
            [
                Rule(matches: [.connectionState(.dnat), .ipvs()], target: .accept),
                Rule(target: .drop),
            ]
        )
        let flows = """
            203.0.113.9 -> 10.97.0.1:80/tcp  = 10.180.1.1:80
            203.0.113.9 -> 10.96.0.10:80/tcp = DROP
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("A packet from a loopback address gets to no other host")
    func loopbackSource() throws {
        let made = made(.real("10.180.1.1:80", weight: 3), .real("192.0.2.1:8080", weight: 1))
        let trace = try made.trace("127.0.0.1", to: "10.96.0.10:80/tcp")
        #expect(
            trace.outcomes == [
                FlowOutcome(
                    result: FlowResult(.delivered(socket("192.0.2.1:8080"))),
                    probability: 0.25
                ),
                FlowOutcome(result: FlowResult(.dropped), probability: 0.75),
            ]
        )
        #expect(trace.reason == "IPVS does not send packets from a loopback address to other hosts")
    }

    @Test("A real server on a loopback address is for the node only")
    func loopbackRealServer() throws {
        let flows = """
            192.0.2.1   -> 10.96.0.10:80/tcp = 127.0.0.1:8080
            203.0.113.9 -> 10.96.0.10:80/tcp = DROP
            """
        #expect(try made(.real("127.0.0.1:8080")).mismatches(flows) == [])
    }

    @Test("Behind a tunnel: the destination stays, and no rule can masquerade")
    func tunnel() throws {
        var made = made(.real("10.180.1.1:8080", .tunnel))
        made.rules.builtin(.postrouting, [Rule(target: .masquerade)])
        for (source, before) in [("203.0.113.9", received), ("192.0.2.1", sent)] {
            let trace = try made.trace(source, to: "10.96.0.10:80/tcp")
            #expect(trace.result == FlowResult(.delivered(socket("10.180.1.1:80"))))
            #expect(trace.hooks == before)
            #expect(trace.notes.contains { $0.contains("replies to the client directly") })
        }
    }

    @Test("On a direct route: the destination stays, and the rules see it leave by the real server")
    func directRoute() throws {
        var made = made(.real("10.244.1.20:8080", .directRoute))
        made.rules.builtin(
            .filter,
            .output,
            [
                Rule(
                    destination: PrefixMatch(address("10.96.0.10")),
                    outInterface: InterfaceMatch("cni0"),
                    matches: [.ipvs(), .tcp(80)],
                    target: .accept
                ), Rule(target: .drop),
            ]
        )
        let trace = try made.trace("203.0.113.9", to: "10.96.0.10:80/tcp")
        #expect(trace.result == FlowResult(.delivered(socket("10.244.1.20:80"))))
        #expect(trace.hooks == received + sentAnew)
        #expect(
            trace.notes.contains("a real server on a direct route replies to the client directly")
        )
        // Connection tracking is on (`vs.conntrack`), so nat does see it.
        made.rules.builtin(.postrouting, [Rule(matches: [.ipvs()], target: .masquerade)])
        let flow = "203.0.113.9 -> 10.96.0.10:80/tcp = 10.244.1.20:80 masq"
        #expect(try made.mismatches(flow) == [])
    }

    @Test("Tunnel and direct route to the node itself deliver there")
    func localWithoutTranslation() throws {
        for forwarding in [ForwardingMethod.tunnel, .directRoute] {
            let made = made(.real("192.0.2.1:8080", forwarding))
            let flows = """
                203.0.113.9 -> 10.96.0.10:80/tcp = 192.0.2.1:80
                192.0.2.1   -> 10.96.0.10:80/tcp = 192.0.2.1:80
                """
            #expect(try made.mismatches(flows) == [])
        }
    }

    @Test("Other hooks of mangle are consulted where we own a rule")
    func otherMangleHooks() throws {
        var made = HandMadeState()
        for chain in BuiltinChain.allCases {
            made.builtin(.mangle, chain, [Rule(matches: [.tcp(1)], target: .drop)])
        }
        let through = [
            "mangle PREROUTING", "nat PREROUTING", "mangle FORWARD", "filter FORWARD",
            "mangle POSTROUTING", "nat POSTROUTING",
        ]
        let toNode = [
            "mangle PREROUTING", "nat PREROUTING", "mangle INPUT", "filter INPUT", "nat INPUT",
        ]
        #expect(try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp").hooks == through)
        #expect(try made.trace("203.0.113.9", to: "192.0.2.1:80/tcp").hooks == toNode)
    }
}
