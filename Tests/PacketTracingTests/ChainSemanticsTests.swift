import Addressing
import DataplaneModel
import PacketTracing
import Testing

@Suite struct ChainSemanticsTests {
    @Test("A jump comes back behind itself when the chain ends or returns")
    func jumpComesBack() throws {
        var made = HandMadeState()
        made.builtin(.prerouting, [Rule(target: .to("A")), Rule(target: .dnat("10.0.0.9:9"))])
        made.chain("A", [Rule(target: .to("B")), Rule(target: .to("C")), Rule(target: .to("D"))])
        made.chain("B", [])
        made.chain("C", [Rule(target: .returnToCaller), Rule(target: .dnat("10.0.0.1:1"))])
        made.chain("D", [Rule(target: .mark(masqueradeMark))])
        let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(trace.result == FlowResult(.delivered(socket("10.0.0.9:9"))))
        #expect(
            trace.matchedRules
                == ["PREROUTING 1", "A 1", "A 2", "C 1", "A 3", "D 1", "PREROUTING 2"]
        )
    }

    @Test("A goto comes back to where its own chain was called from")
    func gotoSkipsItsChain() throws {
        var made = HandMadeState()
        made.builtin(.prerouting, [Rule(target: .to("A"))])
        made.chain("A", [Rule(target: .to("B")), Rule(target: .dnat("10.0.0.1:1"))])
        made.chain("B", [Rule(target: .go("C")), Rule(target: .dnat("10.0.0.2:2"))])
        made.chain("C", [Rule(target: .returnToCaller)])
        let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(trace.result == FlowResult(.delivered(socket("10.0.0.1:1"))))
    }

    @Test("After a goto from a built-in chain the built-in chain is over")
    func gotoFromBuiltin() throws {
        var made = HandMadeState()
        made.builtin(.prerouting, [Rule(target: .go("A")), Rule(target: .dnat("10.0.0.1:1"))])
        made.chain("A", [])
        let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(trace.result == FlowResult(.untouched))
    }

    @Test("Return in a built-in chain and accept end one table, not the next")
    func endOfOneTable() throws {
        var made = HandMadeState()
        made.builtin(
            .prerouting,
            [Rule(target: .returnToCaller), Rule(target: .dnat("10.0.0.1:1"))]
        )
        made.builtin(.filter, .forward, [Rule(target: .accept), Rule(target: .drop)])
        made.builtin(.postrouting, [Rule(target: .masquerade)])
        let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(trace.result == FlowResult(.untouched, masqueraded: true))
        #expect(trace.path.map(\.name) == ["nat PREROUTING", "filter FORWARD", "nat POSTROUTING"])
    }

    @Test("Marks are set with mask and XOR, and carried through the hooks")
    func marks() throws {
        var made = HandMadeState()
        let set = Rule(target: .mark(PacketMark(value: 0x4001, mask: 0x4001)))
        let flip = Rule(target: .mark(PacketMark(value: 0x1, mask: 0)))
        made.builtin(.prerouting, [set, flip])
        let isMarked = Match.mark(PacketMark(value: 0x4000, mask: 0x4001))
        made.builtin(.filter, .forward, [Rule(matches: [isMarked], target: .accept)])
        made.builtin(.postrouting, [Rule(matches: [isMarked], target: .masquerade)])
        let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(trace.result == FlowResult(.untouched, masqueraded: true))
        #expect(trace.path[1].steps.map(\.reasons) == [["the mark is 0x4000"]])
    }

    @Test("The first packet is new, and translated only after DNAT changed it")
    func connectionState() throws {
        let notNew = ConnectionState.established.union(.related).union(.invalid)
        var made = HandMadeState()
        made.builtin(.prerouting, [.frontend("10.96.0.1/32", 80, .dnat("10.0.0.1:1"))])
        made.builtin(
            .filter,
            .forward,
            [
                Rule(matches: [.connectionState(notNew)], target: .drop),
                Rule(matches: [.connectionState(.new, inverted: true)], target: .drop),
                Rule(matches: [.connectionState(.dnat)], target: .accept),
                Rule(matches: [.connectionState(notNew.union(.new))], target: .reject),
            ]
        )
        let translated = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(translated.result == FlowResult(.delivered(socket("10.0.0.1:1"))))
        let other = try made.trace("198.51.100.1", to: "10.96.0.2:80/tcp")
        #expect(other.result == FlowResult(.rejected))
    }

    @Test("A circle of chains is a problem, whether by jump or by goto", arguments: [true, false])
    func loop(byJump: Bool) throws {
        var made = HandMadeState()
        made.builtin(.prerouting, [Rule(target: .to("A"))])
        made.chain("A", [Rule(target: byJump ? .to("B") : .go("B"))])
        made.chain("B", [Rule(target: byJump ? .to("A") : .go("A"))])
        let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(trace.result == FlowResult(.undecided))
        let problem = TraceProblem(.loop, at: "nat B rule 1", "chain loop: A → B → A")
        #expect(trace.problems == [problem])
    }

    @Test("A missing chain is a problem")
    func missingChain() throws {
        var made = HandMadeState()
        made.builtin(.prerouting, [Rule(target: .to("GONE"))])
        let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(trace.result == FlowResult(.undecided))
        #expect(trace.problems.map(\.kind) == [.missingChain])
        #expect(TraceSummary(trace).line.contains("is UNDECIDED"))
    }

    @Test("Chains may nest deeply, but not without end")
    func depth() throws {
        var made = HandMadeState()
        made.builtin(.prerouting, [Rule(target: .to("C0"))])
        for index in 0..<200 { made.chain("C\(index)", [Rule(target: .to("C\(index + 1)"))]) }
        made.chain("C200", [])
        let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
        #expect(trace.problems.map(\.kind) == [.limit])
    }

    @Test("Chains that call one another over and over are cut short")
    func tests() throws {
        var made = HandMadeState()
        made.builtin(.prerouting, [Rule(target: .to("C0"))])
        for index in 0..<40 {
            made.chain("C\(index)", [Rule](repeating: Rule(target: .to("C\(index + 1)")), count: 3))
        }
        made.chain("C40", [])
        let tracer = PacketTracer(made.state, network: made.network, maximumTests: 10_000) { _, _ in
            "rule"
        }
        let trace = tracer.trace(
            TracedPacket(from: address("198.51.100.1"), to: .ping(address("10.96.0.1")))
        )
        #expect(trace.problems.map(\.kind) == [.limit])
        #expect(trace.result == FlowResult(.undecided))
    }

    @Test("A target where the kernel refuses it is a problem")
    func misplacedTargets() throws {
        for (table, chain, target) in [
            (TableName.filter, BuiltinChain.forward, Target.dnat("10.0.0.1:1")),
            (.filter, .forward, .masquerade), (.nat, .prerouting, .reject),
            (.nat, .prerouting, .masquerade), (.nat, .postrouting, .dnat("10.0.0.1:1")),
            (.nat, .prerouting, .dnat("[fd00::1]:1")),
        ] {
            var made = HandMadeState()
            made.builtin(table, chain, [Rule(target: target)])
            let trace = try made.trace("198.51.100.1", to: "10.96.0.1:80/tcp")
            #expect(trace.problems.map(\.kind) == [.misplacedTarget], "\(table) \(chain) \(target)")
            #expect(trace.result == FlowResult(.undecided))
        }
    }

    @Test("A packet between families cannot exist")
    func mixedFamilies() throws {
        let trace = try HandMadeState().trace("fd00::1", to: "10.96.0.1:80/tcp")
        #expect(trace.problems.map(\.kind) == [.impossiblePacket])
    }
}
