import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

@Suite struct ChoiceTests {
    private func endpoints(_ count: Int) -> [String] {
        (0..<count).map { "10.180.\($0 / 250).\($0 % 250 + 1):8080" }
    }

    @Test("Endpoints get equal shares", arguments: [1, 2, 3, 7, 64, 255, 1000])
    func equalShares(count: Int) throws {
        let made = HandMadeState.service(HandMadeState.evenly(endpoints(count)))
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.outcomes.count == count)
        #expect(trace.problems.isEmpty)
        let expected = count == 1 ? "100%" : "(1/\(count))"
        for outcome in trace.outcomes {
            let text = ShareText(outcome.probability).description
            #expect(text.hasSuffix(expected), "\(text)")
        }
        #expect(abs(trace.outcomes.reduce(0) { $0 + $1.probability } - 1) < 1e-12)
    }

    @Test("A choice of groups and then of endpoints multiplies")
    func twoLevels() throws {
        let all = endpoints(10)
        var made = HandMadeState.service([
            Rule(matches: [.random(Probability(4, outOf: 10))], target: .go("SVC-WEB-0")),
            Rule(matches: [.random(Probability(3, outOf: 6))], target: .go("SVC-WEB-1")),
            Rule(target: .go("SVC-WEB-2")),
        ])
        made.chain("SVC-WEB-0", HandMadeState.evenly(Array(all[..<4])))
        made.chain("SVC-WEB-1", HandMadeState.evenly(Array(all[4..<7])))
        made.chain("SVC-WEB-2", HandMadeState.evenly(Array(all[7...])))
        let list = all.joined(separator: ", ")
        #expect(try made.mismatches("10.244.1.7 -> 10.96.0.10:80/tcp = \(list)") == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.title == "default/web:http")
    }

    @Test("Endpoints reached in several ways count once")
    func sameEndpointTwice() throws {
        let made = HandMadeState.service(
            HandMadeState.evenly(["10.180.1.1:80", "10.180.1.2:80", "10.180.1.1:80"])
        )
        let flow = "10.244.1.7 -> 10.96.0.10:80/tcp = 10.180.1.1:80 2/3, 10.180.1.2:80 33.3%"
        #expect(try made.mismatches(flow) == [])
    }

    @Test("Random branches that meet again do not multiply the work")
    func branchesMeet() throws {
        let choice = Rule(matches: [.random(Probability(1, outOf: 2))], target: .to("NOTHING"))
        var made = HandMadeState.service(
            [Rule](repeating: choice, count: 200) + HandMadeState.evenly(["10.180.1.1:80"])
        )
        made.chain("NOTHING", [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.outcomes.map(\.probability) == [1])
    }

    @Test("Random runs out at 0 and at 1")
    func extremes() throws {
        let made = HandMadeState.service([
            Rule(matches: [.random(Probability(units: 0))], target: .dnat("10.180.1.1:80")),
            Rule(matches: [.random(Probability(1, outOf: 1))], target: .dnat("10.180.1.2:80")),
            Rule(target: .dnat("10.180.1.3:80")),
        ])
        let flow = "10.244.1.7 -> 10.96.0.10:80/tcp = 10.180.1.2:80"
        #expect(try made.mismatches(flow) == [])
    }

    @Test("A Service of 1 000 endpoints with affinity and a long filter table is traced quickly")
    func large() throws {
        var made = AffinityTests.service(endpoints(1000))
        made.builtin(.filter, .forward, [Rule(matches: [.connectionState(.new)], target: .to("F"))])
        made.chain(
            .filter,
            "F",
            (0..<1000).map { .frontend("10.97.\($0 / 250).\($0 % 250)/32", 80, .reject) }
        )
        let clock = ContinuousClock()
        let start = clock.now
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        // A bound against exponential work, not a benchmark: debug builds take a second or two.
        #expect(clock.now - start < .seconds(60))
        #expect(trace.outcomes.count == 1000)
        #expect(trace.affinity?.returning.count == 1000)
        #expect(trace.problems.isEmpty)
    }

    @Test("Shares read as a percentage and a simple fraction")
    func shareText() {
        let expected: [(Double, String)] = [
            (1, "100%"), (0.5, "50% (1/2)"), (1.0 / 3, "33.3% (1/3)"), (2.0 / 3, "66.7% (2/3)"),
            (0.333_333_4, "33.3% (1/3)"), (0.3334, "33.3%"), (0.001, "0.1% (1/1000)"),
            (1.0 / 7, "14.3% (1/7)"), (0.99996, "100%"), (0, "0%"),
            (0.123_456, "12.3%"), (1.0 / 1500, "0.0667% (1/1500)"),
        ]
        for (probability, text) in expected {
            #expect(ShareText(probability).description == text)
        }
    }
}

@Suite struct AffinityTests {
    /// "Seen before" for each endpoint, then a choice; both remember the client.
    static func service(_ endpoints: [String]) -> HandMadeState {
        let seen = endpoints.enumerated().map { index, endpoint in
            Rule(
                transport: .tcp,
                matches: [.recent(RecentMatch(.update(seconds: 10800), list: "L\(index)"))],
                target: .dnat(endpoint)
            )
        }
        let chosen = HandMadeState.evenly(endpoints).enumerated().map { index, rule in
            var rule = rule
            rule.matches.append(.recent(RecentMatch(.set, list: "L\(index)")))
            return rule
        }
        return .service(seen + chosen)
    }

    @Test("Shares are those of a new client, and returning clients keep their endpoints")
    func sticky() throws {
        let made = Self.service(["10.180.1.1:80", "10.180.1.2:80", "10.180.1.3:80"])
        let list = "10.180.1.1:80, 10.180.1.2:80, 10.180.1.3:80"
        #expect(try made.mismatches("10.244.1.7 -> 10.96.0.10:80/tcp = \(list); sticky") == [])
        #expect(try made.mismatches("10.244.1.7 -> 10.96.0.10:80/tcp = \(list)").count == 1)
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.affinity?.timeoutSeconds == 10800)
        #expect(trace.path[0].steps.filter { $0.returningClientsOnly }.count == 3)
    }

    @Test("An endpoint chain may hold the list and the DNAT for both ways")
    func endpointChains() throws {
        var made = HandMadeState.service([
            Rule(
                matches: [.recent(RecentMatch(.update(seconds: 60), list: "A"))],
                target: .go("SEP-A")
            ),
            Rule(
                matches: [.recent(RecentMatch(.update(seconds: 60), list: "B"))],
                target: .go("SEP-B")
            ),
            Rule(matches: [.random(Probability(1, outOf: 2))], target: .go("SEP-A")),
            Rule(target: .go("SEP-B")),
        ])
        for name in ["A", "B"] {
            made.chain(
                "SEP-\(name)",
                [
                    Rule(
                        transport: .tcp,
                        matches: [.recent(RecentMatch(.set, list: name))],
                        target: .dnat(name == "A" ? "10.180.1.1:80" : "10.180.1.2:80")
                    )
                ]
            )
        }
        let flow = "10.244.1.7 -> 10.96.0.10:80/tcp = 10.180.1.1:80, 10.180.1.2:80; sticky"
        #expect(try made.mismatches(flow) == [])
    }

    @Test("A client put on the wrong list is a problem")
    func wrongList() throws {
        var made = Self.service(["10.180.1.1:80", "10.180.1.2:80"])
        let name = ChainName("SVC-WEB")
        made.state.nat.chains[name]?.rules[3].matches = [.recent(RecentMatch(.set, list: "L0"))]
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(
            trace.problems == [
                TraceProblem(.affinity, "a client sent to 10.180.1.2:80 does not return to it")
            ]
        )
    }

    @Test("An endpoint without a look-up is not sticky")
    func missingUpdate() throws {
        var made = Self.service(["10.180.1.1:80", "10.180.1.2:80"])
        made.state.nat.chains[ChainName("SVC-WEB")]?.rules.remove(at: 1)
        let flow = "10.244.1.7 -> 10.96.0.10:80/tcp = 10.180.1.1:80, 10.180.1.2:80; sticky"
        let mismatch = try #require(try made.mismatches(flow).first)
        #expect(mismatch.differences.contains("not sticky: 10.180.1.2:80"))
    }

    @Test("Conditions before a set decide whether it happens, those behind do not")
    func orderMatters() throws {
        func list(_ matches: [Match]) throws -> PacketTrace {
            let made = HandMadeState.service([
                Rule(matches: matches, target: .returnToCaller),
                Rule(
                    matches: [.recent(RecentMatch(.update(seconds: 60), list: "L"))],
                    target: .dnat("10.180.1.1:80")
                ),
            ])
            return try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        }
        let set = Match.recent(RecentMatch(.set, list: "L"))
        let after = try list([set, .tcp(81)])
        #expect(after.result == FlowResult(.delivered(socket("10.180.1.1:80"))))
        let before = try list([.tcp(81), set])
        #expect(before.result == FlowResult(.untouched))
    }
}
