import Addressing
import DataplaneModel
import PacketTracing
import Testing

@Suite struct SetTests {
    private static let name = "FAIRLEAD-4-X"

    /// Whether a set match in filter INPUT holds for a packet; dropping shows it.
    private func isMember(
        _ kind: IPSetKind,
        _ entries: [IPSetEntry],
        _ sides: [SetDimension],
        family: IPFamily = .ipv4,
        inverted: Bool = false,
        from source: String = "203.0.113.9",
        to destination: String = "192.0.2.1:80/tcp"
    ) throws -> Bool {
        var made = HandMadeIPVS()
        made.set(Self.name, kind, family: family, entries)
        let match = Match.set(IPSetName(Self.name), sides, inverted: inverted)
        made.rules.builtin(.filter, .input, [Rule(matches: [match], target: .drop)])
        let trace = try made.trace(source, to: destination)
        #expect(trace.problems.isEmpty)
        return trace.result?.verdict == .dropped
    }

    @Test("A set of addresses is asked about either side")
    func addresses() throws {
        let entries = [IPSetEntry.address(address("203.0.113.9"))]
        #expect(try isMember(.address, entries, [.source]))
        #expect(try !isMember(.address, entries, [.destination]))
        #expect(try !isMember(.address, entries, [.source], from: "203.0.113.8"))
        #expect(try isMember(.address, entries, [.destination], inverted: true))
        #expect(try isMember(.address, entries, [.source], to: "192.0.2.1/icmp"))
    }

    @Test("A set of frontends knows address, port and protocol; a ping has no port")
    func frontends() throws {
        let entries = [IPSetEntry.at("192.0.2.1:80"), .at("192.0.2.1:53", .udp)]
        let sides = [SetDimension.destination, .destination]
        #expect(try isMember(.frontend, entries, sides))
        #expect(try isMember(.frontend, entries, sides, to: "192.0.2.1:53/udp"))
        for other in ["192.0.2.1:81/tcp", "192.0.2.1:80/sctp", "192.0.2.1/icmp"] {
            #expect(try !isMember(.frontend, entries, sides, to: other))
            #expect(try isMember(.frontend, entries, sides, inverted: true, to: other))
        }
    }

    @Test("A set of source ranges at frontends: any range that holds the source will do")
    func frontendSources() throws {
        let entries = [
            IPSetEntry.at("192.0.2.1:80", from: "203.0.113.0/24"),
            .at("192.0.2.1:80", from: "203.0.112.0/22"), .at("192.0.2.1:81", from: "10.0.0.0/8"),
        ]
        let sides = [SetDimension.destination, .destination, .source]
        #expect(try isMember(.frontendSource, entries, sides))
        #expect(try isMember(.frontendSource, entries, sides, from: "203.0.112.1"))
        #expect(try !isMember(.frontendSource, entries, sides, from: "203.0.116.1"))
        #expect(try !isMember(.frontendSource, entries, sides, from: "10.1.1.1"))
        let other = "192.0.2.1:81/tcp"
        #expect(try isMember(.frontendSource, entries, sides, from: "10.1.1.1", to: other))
    }

    @Test("A set of ports sees TCP and UDP alike, and nothing else")
    func ports() throws {
        let entries = [IPSetEntry.port(port(80))]
        #expect(try isMember(.port, entries, [.destination]))
        #expect(try isMember(.port, entries, [.destination], to: "192.0.2.1:80/udp"))
        #expect(try !isMember(.port, entries, [.destination], to: "192.0.2.1:81/tcp"))
        #expect(try !isMember(.port, entries, [.destination], to: "192.0.2.1:80/sctp"))
        #expect(try !isMember(.port, entries, [.destination], to: "192.0.2.1/icmp"))
        let six = "[2001:db8::1]:80/tcp"
        #expect(try isMember(.port, entries, [.destination], from: "2001:db8::9", to: six))
    }

    @Test("A set that is asked for too little, or in the other family, says no")
    func misfits() throws {
        let entries = [IPSetEntry.at("192.0.2.1:80")]
        #expect(try !isMember(.frontend, entries, [.destination]))
        #expect(try isMember(.frontend, entries, [.destination], inverted: true))
        let sides = [SetDimension.destination, .destination, .source]
        #expect(try isMember(.frontend, entries, sides))
        #expect(try !isMember(.frontend, entries, sides, family: .ipv6))
    }

    @Test("The client's port and a masqueraded source are unknown")
    func unknownParts() throws {
        var made = HandMadeIPVS()
        made.set("FRONTENDS", .frontend, [.at("192.0.2.1:80")])
        made.set("RANGES", .frontendSource, [.at("192.0.2.1:80", from: "10.0.0.0/8")])
        made.rules.builtin(.postrouting, [Rule(target: .masquerade)])
        made.rules.builtin(
            .filter,
            .input,
            [
                Rule(matches: [.set("FRONTENDS", .destination, .source)], target: .drop),
                Rule(
                    matches: [.set("RANGES", .destination, .destination, .source)],
                    target: .drop
                ),
            ]
        )
        let trace = try made.trace("192.0.2.1", to: "192.0.2.1:80/tcp")
        #expect(trace.result == FlowResult(.untouched, masqueraded: true))
        #expect(
            trace.problems.map(\.message) == [
                "treated as no match: the client's port is unknown",
                "treated as no match: the source after masquerading is unknown",
            ]
        )
        // The source is not looked up if the frontend has no ranges.
        #expect(try made.trace("192.0.2.1", to: "192.0.2.1:81/tcp").problems.count == 1)
    }

    @Test("A set that is not there is a problem, straight, inverted and as the source of a mark")
    func missing() throws {
        var made = HandMadeIPVS()
        made.rules.builtin(
            .mangle,
            .prerouting,
            [
                Rule(matches: [.set("GONE", .source)], target: .drop),
                Rule(matches: [.set("GONE", .source, inverted: true)], target: .drop),
                Rule(target: .mark(from: "GONE", .destination, .destination)),
            ]
        )
        let trace = try made.trace("203.0.113.9", to: "192.0.2.1:80/tcp")
        #expect(trace.result == FlowResult(.untouched))
        #expect(trace.problems.map(\.kind) == [.missingSet, .missingSet, .missingSet])
        #expect(
            trace.problems.first?.description
                == "mangle PREROUTING rule 1: there is no set GONE; treated as no match"
        )
        #expect(trace.steps("mangle PREROUTING").map(\.effect) == ["undecided"])
    }

    @Test("In iptables mode there are no sets and no IPVS")
    func iptablesMode() throws {
        var made = HandMadeState()
        made.builtin(.filter, .forward, [Rule(matches: [.set("X", .source)], target: .drop)])
        made.builtin(.postrouting, [Rule(matches: [.ipvs()], target: .masquerade)])
        let trace = try made.trace("203.0.113.9", to: "10.96.0.10:80/tcp")
        #expect(trace.result == FlowResult(.untouched))
        #expect(trace.problems.map(\.kind) == [.missingSet])
        #expect(trace.hooks == ["nat PREROUTING", "filter FORWARD", "nat POSTROUTING"])
    }

    @Test("Reasons name what was asked, the set, and what it is for")
    func reasons() throws {
        var made = HandMadeIPVS()
        made.set("DROPS", .frontend, title: "none here", [.at("192.0.2.1:80")])
        made.set("RANGES", .frontendSource, [.at("192.0.2.1:80", from: "10.0.0.0/8")])
        made.set("PORTS", .port, [.port(port(80))])
        made.set("HOSTS", .address, [])
        let outside = Match.set("RANGES", .destination, .destination, .source, inverted: true)
        made.rules.builtin(
            .filter,
            .input,
            [
                Rule(matches: [.set("HOSTS", .source)], target: .drop),
                Rule(
                    matches: [
                        .set("DROPS", .destination, .destination), outside,
                        .set("PORTS", .destination),
                    ],
                    target: .drop
                ),
            ]
        )
        let trace = try made.trace("203.0.113.9", to: "192.0.2.1:80/tcp", .everything)
        let reasons = [
            "192.0.2.1:80/tcp is in DROPS (none here)",
            "192.0.2.1:80/tcp from 203.0.113.9 is not in RANGES", "port 80 is in PORTS",
        ]
        let steps = trace.steps("filter INPUT")
        #expect(steps.map(\.reasons) == [["203.0.113.9 is not in HOSTS"], reasons])
        #expect(trace.reason == reasons.joined(separator: "; "))
    }
}

@Suite struct MarkFromSetTests {
    /// One rule that marks in mangle PREROUTING, and one that drops a mark.
    private func made(dropping mark: UInt32, first: [Rule] = []) -> HandMadeIPVS {
        var made = HandMadeIPVS()
        made.set("MARKS", .frontend, marks: [(.at("192.0.2.1:80"), 0x10001)])
        made.set("PLAIN", .frontend, [.at("192.0.2.1:80")])
        made.rules.builtin(
            .mangle,
            .prerouting,
            first + [Rule(target: .mark(from: "MARKS", .destination, .destination))]
        )
        let match = Match.mark(PacketMark(value: mark, mask: .max))
        made.rules.builtin(.filter, .input, [Rule(matches: [match], target: .drop)])
        return made
    }

    @Test("A packet takes the whole mark of its entry, and the rules go on")
    func member() throws {
        let old = Rule(target: .mark(PacketMark(bit: 0x4000)))
        let trace = try made(dropping: 0x10001, first: [old])
            .trace("203.0.113.9", to: "192.0.2.1:80/tcp")
        #expect(trace.result == FlowResult(.dropped))
        #expect(
            trace.steps("mangle PREROUTING").map(\.effect)
                == ["mark bits 0x4000 are set", "mark becomes 0x10001 (from MARKS)"]
        )
    }

    @Test("Without an entry, or from a set without marks, the mark stays")
    func absent() throws {
        let old = Rule(target: .mark(PacketMark(bit: 0x4000)))
        let plain = Rule(target: .mark(from: "PLAIN", .destination, .destination))
        let other = made(dropping: 0x4000, first: [old])
        let trace = try other.trace("203.0.113.9", to: "192.0.2.1:81/tcp")
        #expect(trace.result == FlowResult(.dropped))
        #expect(
            trace.steps("mangle PREROUTING").last?.effect
                == "mark stays 0x4000: 192.0.2.1:81/tcp is not in MARKS"
        )
        var markless = made(dropping: 0x4000, first: [old, plain])
        markless.rules.state.mangle.jumps.removeLast()
        let second = try markless.trace("203.0.113.9", to: "192.0.2.1:80/tcp")
        #expect(second.result == FlowResult(.dropped))
        #expect(
            second.steps("mangle PREROUTING").last?.effect
                == "mark stays 0x4000: PLAIN carries no marks"
        )
    }

    @Test("Marks come from sets in mangle only")
    func misplaced() throws {
        for table in [TableName.filter, .nat] {
            var made = HandMadeIPVS()
            made.set("MARKS", .frontend, marks: [(.at("192.0.2.1:80"), 1)])
            made.rules.builtin(
                table,
                .input,
                [Rule(target: .mark(from: "MARKS", .destination, .destination))]
            )
            let trace = try made.trace("203.0.113.9", to: "192.0.2.1:80/tcp")
            #expect(trace.problems.map(\.kind) == [.misplacedTarget])
            #expect(trace.result == FlowResult(.undecided))
        }
    }

    @Test("A mark from the client's port is undecidable")
    func unknown() throws {
        var made = made(dropping: 0x10001)
        made.rules.state.mangle.jumps[0].rule.target = .mark(from: "MARKS", .destination, .source)
        let trace = try made.trace("203.0.113.9", to: "192.0.2.1:80/tcp")
        #expect(trace.result == FlowResult(.untouched))
        #expect(trace.problems.map(\.kind) == [.undecidable])
    }
}
