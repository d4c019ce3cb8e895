import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

@Suite struct NFTAffinityTests {
    private static let frontend = "10.96.0.10:80/tcp"
    private static let two = ["10.180.1.1:80", "10.180.1.2:80"]

    private func layout(_ endpoints: [String] = two) -> NFTLayout {
        var layout = NFTLayout()
        let value = layout.sticky(5, title: "default/web:http", endpoints)
        layout.clusterIP("10.96.0.10:80", value)
        return layout
    }

    /// The layout with one rule of a chain taken out or replaced.
    private func layout(_ chain: String, _ index: Int, _ rule: NFTRule?) -> HandMadeNFT {
        var made = layout().made
        let rules = rule.map { [$0] } ?? []
        made.state.chains[NFTChainName(chain)]?.rules.replaceSubrange(index...index, with: rules)
        return made
    }

    private func problems(_ made: HandMadeNFT) throws -> [String] {
        try made.trace("10.244.1.7", to: Self.frontend).problems.map(\.description)
    }

    private static let lost =
        "a client whose endpoint is gone does not keep the new endpoint it gets"

    @Test("Shares are those of a new client, and returning clients keep their endpoints")
    func sticky() throws {
        let made = layout().made
        let list = Self.two.joined(separator: ", ")
        let flows = """
            10.244.1.7  -> \(Self.frontend) = \(list); sticky
            203.0.113.9 -> \(Self.frontend) = \(list); masq sticky
            192.0.2.1   -> \(Self.frontend) = \(list); masq sticky
            """
        #expect(try made.mismatches(flows) == [])
        #expect(try made.mismatches("10.244.1.7 -> \(Self.frontend) = \(list)").count == 1)
        let trace = try made.trace("10.244.1.7", to: Self.frontend)
        #expect(trace.affinity?.timeoutSeconds == 10800)
        #expect(trace.title == "default/web:http")
        let returning = trace.path.flatMap(\.steps).filter { $0.returningClientsOnly }
        #expect(returning.map(\.chain) == ["affinity-5", "known-5", "known-5", "known-5"])
    }

    @Test("An endpoint that reaches itself does so as a returning client, too")
    func hairpin() throws {
        let made = layout(["10.244.1.20:80", "10.244.2.20:80"]).made
        let flow = "10.244.1.20 -> \(Self.frontend) = 10.244.1.20:80 masq, 10.244.2.20:80; sticky"
        #expect(try made.mismatches(flow) == [])
    }

    @Test("A client that is not put into the map does not come back")
    func notRemembered() throws {
        let made = layout("affinity-5", 3, nil)
        #expect(
            try problems(made)
                == ["rules look up clients in clients-5, but no rule adds them"]
        )
        #expect(try made.trace("10.244.1.7", to: Self.frontend).affinity == nil)
    }

    @Test("A client that is not looked for does not come back")
    func notLookedFor() throws {
        let made = layout("affinity-5", 0, nil)
        #expect(
            try problems(made) == [
                "a client sent to 10.180.1.1:80 does not return to it",
                "a client sent to 10.180.1.2:80 does not return to it",
            ]
        )
        let list = Self.two.joined(separator: ", ")
        let mismatches = try made.mismatches("10.244.1.7 -> \(Self.frontend) = \(list); sticky")
        #expect(mismatches.first?.differences.contains("not sticky: 10.180.1.1:80") == true)
    }

    @Test("A client that is put there too early does not come back to its endpoint")
    func rememberedTooEarly() throws {
        var made = layout().made
        let name = NFTChainName("affinity-5")
        let rules = try #require(made.state.chains[name]?.rules)
        // With the Service's own number instead of its endpoint's.
        made.state.chains[name]?.rules = [rules[0], rules[1], rules[3], rules[2], rules[4]]
        #expect(try problems(made).contains { $0.contains("does not return to it") })
    }

    @Test("A number that leads elsewhere is a problem")
    func wrongNumber() throws {
        var made = layout().made
        made.chain(
            "known-5",
            NFTRule(.setPriority(5 << 14 | 1)),
            NFTRule(.anyTransport, .dnat(by: "numbers", .priority))
        )
        #expect(
            try problems(made).first == "a client sent to 10.180.1.2:80 does not return to it"
        )
    }

    @Test("The kernel keeps an element's value: a client whose endpoint is gone must be forgotten")
    func endpointGone() throws {
        #expect(try problems(layout("known-5", 2, nil)) == [Self.lost])
        let early = NFTRule(
            .delete(NFTSetName("clients-5"), key: [.address(.source)], data: .priority)
        )
        // Forgotten before it is chosen anew, wherever that is.
        var made = layout("known-5", 2, nil)
        made.state.chains[NFTChainName("affinity-5")]?.rules.insert(early, at: 2)
        #expect(try problems(made) == [])
        // Too late: the new endpoint was not put there.
        var late = layout("known-5", 2, nil)
        late.state.chains[NFTChainName("affinity-5")]?.rules.insert(early, at: 4)
        #expect(try !problems(late).isEmpty)
    }

    @Test("A client whose endpoint is gone has to be given another")
    func nothingInstead() throws {
        let go = NFTRule(.priority(from: "clients-5", .address(.source)), .go("known-5"))
        let made = layout("affinity-5", 0, go)
        let list = Self.two.joined(separator: ", ")
        let mismatches = try made.mismatches("10.244.1.7 -> \(Self.frontend) = \(list); sticky")
        #expect(mismatches.first?.differences.contains("found, not expected: REJECT") == true)
    }

    @Test("A client added to a map on the way is found in it later on the way")
    func withinOnePacket() throws {
        var made = HandMadeNFT()
        made.set("clients", [.address], to: .fields([.classID]), isDynamic: true)
        made.set("values", [.classID], [NFTElement(NFTValue(7))])
        let update = NFTStatement.update(
            NFTSetName("clients"),
            key: [.address(.source)],
            data: .priority,
            timeoutSeconds: 60
        )
        made.base(
            "base",
            .filter,
            .forward,
            0,
            NFTRule(.setPriority(7), update),
            NFTRule(.setPriority(8), update),
            NFTRule(
                .priority(from: "clients", .address(.source)),
                .isIn("values", .priority),
                .drop
            )
        )
        #expect(try made.mismatches("203.0.113.9 -> 10.1.1.1:80/tcp = DROP") == [])
    }

    @Test("An undecidable key or value of a dynamic map is a problem")
    func untold() throws {
        for (key, data) in [
            ([NFTExpression.port(.source)], NFTExpression.priority),
            ([.random(2)], .priority), ([.port(.destination)], .random(3)),
        ] {
            var made = HandMadeNFT()
            let field: NFTField = key == [.random(2)] ? .number : .port
            made.set("clients", [field], to: .fields([.classID]), isDynamic: true)
            made.base(
                "base",
                .filter,
                .forward,
                0,
                NFTRule(
                    .update(NFTSetName("clients"), key: key, data: data, timeoutSeconds: 60),
                    .drop
                )
            )
            let trace = try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp")
            #expect(trace.problems.map(\.kind) == [.undecidable])
            #expect(trace.result == FlowResult(.dropped))
        }
    }

    @Test("Rules that make ever more of what they remember are followed for some rounds only")
    func endless() throws {
        var made = HandMadeNFT()
        made.set("clients", [.address], to: .fields([.classID]), isDynamic: true)
        made.set("next", [.classID], to: .fields([.classID]))
        for number in 0..<UInt32(40) {
            let next = NFTElement(NFTValue(number), .value(NFTValue(number + 1)))
            made.put(next, into: "next")
        }
        let clients = NFTSetName("clients")
        let source = [NFTExpression.address(.source)]
        made.base(
            "base",
            .filter,
            .forward,
            0,
            NFTRule(.setPriorityFromMap(source, clients)),
            NFTRule(.delete(clients, key: source, data: .priority)),
            NFTRule(.priority(from: "next", .priority)),
            NFTRule(.update(clients, key: source, data: .priority, timeoutSeconds: 60))
        )
        let trace = try made.trace("203.0.113.9", to: "10.1.1.1:80/tcp")
        #expect(trace.problems.map(\.kind) == [.limit])
        #expect(trace.result == FlowResult(.untouched))
    }

    @Test("A Service of 1 000 endpoints with affinity is traced quickly")
    func large() throws {
        let endpoints = (0..<1000).map { "10.180.\($0 / 250).\($0 % 250 + 1):8080" }
        let made = layout(endpoints).made
        let clock = ContinuousClock()
        let start = clock.now
        let trace = try made.trace("10.244.1.7", to: Self.frontend)
        // A bound against quadratic work, not a benchmark.
        #expect(clock.now - start < .seconds(60))
        #expect(trace.problems.isEmpty)
        #expect(trace.outcomes.count == 1000)
        #expect(trace.affinity?.returning.count == 1000)
    }
}
