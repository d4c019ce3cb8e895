import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

@Suite struct HookTests {
    @Test("Packets meet the hooks in the order of the kernel")
    func order() throws {
        let made = HandMadeState.service([.frontend("0.0.0.0/0", 80, .dnat("192.0.2.1:8080"))])
        func hooks(_ source: String, _ destination: String) throws -> [String] {
            try made.trace(source, via: "eth0", to: destination).path.map(\.name)
        }
        let through = ["nat PREROUTING", "filter FORWARD", "nat POSTROUTING"]
        let toNode = ["nat PREROUTING", "filter INPUT", "nat INPUT"]
        let fromNode = ["nat OUTPUT", "filter OUTPUT", "nat POSTROUTING"]
        #expect(try hooks("198.51.100.9", "10.1.1.1:80/tcp") == through)
        #expect(try hooks("198.51.100.9", "192.0.2.1:81/tcp") == toNode)
        #expect(try hooks("198.51.100.9", "10.96.0.10:80/tcp") == toNode)
        #expect(try hooks("192.0.2.1", "10.1.1.1:80/tcp") == fromNode)
        #expect(try hooks("192.0.2.1", "10.96.0.10:80/tcp") == fromNode + ["filter INPUT"])
    }

    @Test("What the node sends to itself meets nat once, keeps its mark and comes in on lo")
    func throughLoopback() throws {
        var made = HandMadeState()
        made.builtin(
            .output,
            [
                Rule(target: .mark(masqueradeMark)),
                .frontend("10.96.0.10/32", 80, .dnat("192.0.2.1:8080")),
            ]
        )
        made.builtin(.prerouting, [Rule(target: .dnat("10.180.1.1:1"))])
        made.builtin(.postrouting, [Rule(target: .masquerade)])
        let rule = Rule(
            inInterface: InterfaceMatch("lo"),
            matches: [.mark(masqueradeMark), .sourceIsLocal(), .connectionState(.dnat)],
            target: .accept
        )
        made.builtin(.filter, .input, [rule, Rule(target: .drop)])
        let trace = try made.trace("192.0.2.1", to: "10.96.0.10:80/tcp")
        #expect(
            trace.result == FlowResult(.delivered(socket("192.0.2.1:8080")), masqueraded: true)
        )
    }

    @Test("After masquerading to the node itself the source is unknown, but local")
    func unknownSource() throws {
        var made = HandMadeState()
        made.builtin(.postrouting, [Rule(target: .masquerade)])
        made.builtin(
            .filter,
            .input,
            [Rule(source: PrefixMatch(address("192.0.2.1")), target: .drop)]
        )
        let trace = try made.trace("192.0.2.1", to: "127.0.0.1:80/tcp")
        #expect(trace.problems.map(\.kind) == [.undecidable])
    }

    @Test("Without an endpoint a Service rejects in FORWARD, OUTPUT and INPUT")
    func rejects() throws {
        var made = HandMadeState()
        for hook in [BuiltinChain.forward, .output, .input] {
            let match = Match.connectionState(.new)
            made.builtin(.filter, hook, [Rule(matches: [match], target: .to("SERVICES"))])
        }
        var reject = Rule.frontend("10.96.0.10/32", 80, .reject)
        reject.matches.insert(.comment("default/web:http has no endpoints"), at: 0)
        var nodePort = Rule.frontend("0.0.0.0/0", 30080, .reject)
        nodePort.matches.append(.destinationIsLocal())
        let drop = Rule.frontend("10.96.0.11/32", 80, .drop)
        made.chain(.filter, "SERVICES", [reject, nodePort, drop])
        let flows = """
            10.244.1.7   -> 10.96.0.10:80/tcp   = REJECT
            192.0.2.1    -> 10.96.0.10:80/tcp   = REJECT
            192.0.2.1    -> 192.0.2.1:30080/tcp = REJECT
            198.51.100.9 -> 192.0.2.1:30080/tcp = REJECT
            198.51.100.9 -> 192.0.2.2:30080/tcp = UNTOUCHED
            198.51.100.9 -> 10.96.0.11:80/tcp   = DROP
            10.244.1.7   -> 10.96.0.10:81/tcp   = UNTOUCHED
            10.244.1.7   -> 10.96.0.10/icmp     = UNTOUCHED
            """
        #expect(try made.mismatches(flows) == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.reason == "default/web:http has no endpoints")
    }

    @Test("A NodePort on a local address reaches the endpoints")
    func nodePort() throws {
        var made = HandMadeState.service(HandMadeState.evenly(["10.180.1.1:80"]))
        made.chain(
            "SERVICES",
            [Rule(matches: [.destinationIsLocal()], target: .to("NODEPORTS"))]
        )
        made.chain("NODEPORTS", [.frontend("0.0.0.0/0", 30080, .to("EXT-WEB"))])
        made.chain(
            "EXT-WEB",
            [Rule(target: .mark(masqueradeMark)), Rule(target: .go("SVC-WEB"))]
        )
        let flows = """
            local 192.0.2.7
            198.51.100.9 -> 192.0.2.1:30080/tcp = 10.180.1.1:80 masq
            198.51.100.9 -> 192.0.2.7:30080/tcp = 10.180.1.1:80 masq
            192.0.2.1    -> 192.0.2.1:30080/tcp = 10.180.1.1:80 masq
            127.0.0.1    -> 127.0.0.1:30080/tcp = 10.180.1.1:80 masq
            198.51.100.9 -> 192.0.2.8:30080/tcp = UNTOUCHED
            198.51.100.9 -> 192.0.2.1:30081/tcp = UNTOUCHED
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("Detectors by interface and by range decide who is masqueraded")
    func detectors() throws {
        let endpoint = HandMadeState.evenly(["10.180.1.1:80"])
        let mark = Target.mark(masqueradeMark)
        let byInterface = HandMadeState.service(
            [Rule(inInterface: InterfaceMatch("cni", isPrefix: true, inverted: true), target: mark)]
                + endpoint
        )
        let bySource = HandMadeState.service(
            [Rule(source: PrefixMatch(prefix("10.244.0.0/16"), inverted: true), target: mark)]
                + endpoint
        )
        let flows = """
            10.244.1.7            -> 10.96.0.10:80/tcp = 10.180.1.1:80
            198.51.100.9 via eth0 -> 10.96.0.10:80/tcp = 10.180.1.1:80 masq
            192.0.2.1             -> 10.96.0.10:80/tcp = 10.180.1.1:80 masq
            """
        #expect(try byInterface.mismatches(flows) == [])
        #expect(try bySource.mismatches(flows) == [])
    }

    @Test("A loopback source that leaves the node as it is gets a note")
    func martian() throws {
        let made = HandMadeState.service(HandMadeState.evenly(["10.180.1.1:80"]))
        let trace = try made.trace("127.0.0.1", to: "10.96.0.10:80/tcp")
        #expect(trace.notes.contains { $0.contains("martian") })
    }

    @Test("DNAT to the very same place delivers, but the kernel does not call it translated")
    func dnatToItself() throws {
        var made = HandMadeState.service([Rule(transport: .tcp, target: .dnat("10.96.0.10:80"))])
        made.builtin(.filter, .forward, [Rule(matches: [.connectionState(.dnat)], target: .drop)])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.result == FlowResult(.delivered(socket("10.96.0.10:80"))))
    }
}
