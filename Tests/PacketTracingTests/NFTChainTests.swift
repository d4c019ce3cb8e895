import Addressing
import DataplaneModel
import PacketTracing
import Testing

@Suite struct NFTChainTests {
    private static let element = NFTElement(
        NFTValue().appending(port(80)),
        .value(NFTValue(socket("10.180.1.1:8080")))
    )

    /// One rule at a hook, and what may be asked.
    private func made(
        _ kind: NFTHook.Kind = .filter,
        _ place: NFTHook.Place = .forward,
        _ rules: NFTRule...
    ) -> HandMadeNFT {
        var made = HandMadeNFT()
        made.add(
            NFTChain(
                NFTChainName("base"),
                hook: NFTHook(kind, place, priority: 0),
                rules: rules
            )
        )
        made.set("ports", [.port], to: .fields([.address, .port]), [Self.element])
        return made
    }

    private func result(_ made: HandMadeNFT) throws -> FlowVerdict? {
        try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp").result?.verdict
    }

    private func problems(_ made: HandMadeNFT) throws -> [TraceProblem] {
        try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp").problems
    }

    @Test("A jump comes back behind itself, a goto behind the jump to its own chain")
    func jumpAndGoto() throws {
        var made = made(.filter, .forward, NFTRule(.jump("a")), NFTRule(.reject))
        made.chain("a", NFTRule(.jump("b")), NFTRule(.go("c")), NFTRule(.drop))
        made.chain("b", NFTRule(.leave), NFTRule(.drop))
        made.chain("c")
        #expect(try result(made) == .rejected)
        let trace = try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp")
        #expect(trace.matchedRules == ["base 1", "a 1", "b 1", "a 2", "base 2"])
    }

    @Test("Return from a base chain, and the end after a goto, is its policy")
    func policy() throws {
        for rule in [NFTRule(.leave), NFTRule(.go("empty")), NFTRule(.from("10.9.9.9"), .accept)] {
            var made = made(.filter, .forward, rule, NFTRule(.accept))
            made.chain("empty")
            made.state.chains[NFTChainName("base")]?.hook?.dropsByDefault = true
            let isOver = rule.statements.count == 1
            #expect(try result(made) == (isOver ? .dropped : .untouched))
        }
        var made = made()
        made.state.chains[NFTChainName("base")]?.hook?.dropsByDefault = true
        let trace = try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp")
        #expect(trace.reason == "the policy of base")
        #expect(trace.path.last?.steps.map(\.rule) == ["policy drop"])
    }

    @Test("Accept ends its base chain, not those that come behind it")
    func accept() throws {
        var made = made(.filter, .forward, NFTRule(.jump("a")), NFTRule(.drop))
        made.chain("a", NFTRule(.accept))
        #expect(try result(made) == .untouched)
        made.base("second", .filter, .forward, 10, NFTRule(.reject))
        #expect(try result(made) == .rejected)
    }

    @Test("A rule ends at the first condition that fails or key that misses; effects stay")
    func effectsStay() throws {
        var made = made(
            .filter,
            .forward,
            NFTRule(.setMarkBits(1), .from("10.9.9.9"), .setMarkBits(2), .drop),
            NFTRule(.setPriority(0x10000), .priority(from: "map", .port(.destination)), .drop),
            NFTRule(
                .mark(PacketMark(value: 1, mask: 3)),
                .isIn("values", .priority),
                .reject
            )
        )
        made.set("map", [.port], to: .fields([.classID]))
        made.set("values", [.classID], [NFTElement(NFTValue(0x10000))])
        #expect(try result(made) == .rejected)
        let steps = try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp").path.flatMap(\.steps)
        #expect(
            steps.map(\.effect) == ["mark bits 0x1 are set", "priority becomes 1:0", "rejected"]
        )
        #expect(steps[0].reasons == ["no further: source is 203.0.113.9"])
        #expect(steps[1].reasons == ["no further: 80 is not in map"])
    }

    @Test("Marks and priorities are set bit by bit")
    func bits() throws {
        let made = made(
            .filter,
            .forward,
            NFTRule(.setMarkBits(7), .clearMarkBits(2), .mark(PacketMark(value: 5, mask: 0xff))),
            NFTRule(.setPriority(0x4_7002), .maskPriority(0xffff_c000)),
            NFTRule(.mark(PacketMark(value: 5, mask: 0xff)), .drop)
        )
        let trace = try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp")
        #expect(trace.result?.verdict == .dropped)
        #expect(
            trace.path.flatMap(\.steps).map(\.effect) == [
                "mark bits 0x7 are set; mark bits 0x2 are cleared",
                "priority becomes 4:7002; priority becomes 4:4000", "dropped",
            ]
        )
    }

    @Test("A circle of chains is a problem")
    func loop() throws {
        var made = made(.filter, .forward, NFTRule(.jump("a")))
        made.chain("a", NFTRule(.go("b")))
        made.chain("b", NFTRule(.jump("a")))
        let problem = TraceProblem(
            .loop,
            at: "b rule 1",
            "chain loop: base → a → b → a"
        )
        #expect(try problems(made) == [problem])
        #expect(try result(made) == .undecided)
    }

    @Test("A missing chain is a problem")
    func missingChain() throws {
        let made = made(.filter, .forward, NFTRule(.jump("gone")))
        #expect(
            try problems(made)
                == [TraceProblem(.missingChain, at: "base rule 1", "there is no chain gone")]
        )
        #expect(try result(made) == .undecided)
    }

    @Test("The kernel takes 15 chains below a base chain, and no more")
    func depth() throws {
        for count in [15, 16] {
            var made = made(.filter, .forward, NFTRule(.jump("c1")))
            for index in 1..<count { made.chain("c\(index)", NFTRule(.go("c\(index + 1)"))) }
            made.chain("c\(count)", NFTRule(.drop))
            #expect(try result(made) == (count == 15 ? .dropped : .undecided))
            #expect(try problems(made).map(\.kind) == (count == 15 ? [] : [.limit]))
        }
    }

    @Test("Too much work is cut short: rules, and slots")
    func tests() throws {
        var rules = made(.filter, .forward, NFTRule(.jump("c0")))
        for index in 0..<10 {
            let rule = NFTRule(.jump("c\(index + 1)"))
            rules.chain("c\(index)", rule, rule, rule)
        }
        rules.chain("c10")
        rules.maximumTests = 10_000
        var slots = made(
            .filter,
            .forward,
            NFTRule(.priority(from: "slots", .random(4095), .random(4095)))
        )
        slots.set("slots", [.number, .number], to: .fields([.classID]))
        for made in [rules, slots] {
            #expect(try problems(made).map(\.kind) == [.limit])
            #expect(try result(made) == .undecided)
        }
    }

    @Test("A statement where the kernel refuses it is a problem")
    func misplaced() throws {
        let dnat = NFTStatement.dnat(by: "ports", .port(.destination))
        for (kind, place, statement) in [
            (NFTHook.Kind.filter, NFTHook.Place.prerouting, dnat), (.filter, .forward, dnat),
            (.nat, .postrouting, dnat), (.filter, .postrouting, .masquerade),
            (.nat, .prerouting, .masquerade), (.filter, .postrouting, .reject),
            (.nat, .postrouting, .reject),
        ] {
            let made = made(kind, place, NFTRule(.anyTransport, statement))
            #expect(try problems(made).map(\.kind) == [.misplacedTarget], "\(place) \(statement)")
            #expect(try result(made) == .undecided)
        }
        #expect(
            try result(made(.nat, .prerouting, NFTRule(dnat)))
                == .delivered(socket("10.180.1.1:8080"))
        )
        #expect(try result(made(.nat, .prerouting, NFTRule(.reject))) == .rejected)
        #expect(try result(made(.filter, .prerouting, NFTRule(.reject))) == .rejected)
    }

    @Test("A rule that is not understood is a problem, and treated as no match")
    func opaque() throws {
        let made = made(.filter, .forward, NFTRule(.opaque([1, 2])), NFTRule(.drop))
        #expect(try problems(made).map(\.kind) == [.undecidable])
        #expect(try result(made) == .dropped)
    }

    @Test("A packet between families cannot exist")
    func mixedFamilies() throws {
        let trace = try made().trace("fd00::1", to: "10.96.0.1:80/tcp")
        #expect(trace.problems.map(\.kind) == [.impossiblePacket])
    }
}
