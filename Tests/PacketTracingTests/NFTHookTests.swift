import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

@Suite struct NFTHookTests {
    /// A chain of each kind at each hook.
    private static var everywhere: HandMadeNFT {
        var made = HandMadeNFT()
        for place in NFTHook.Place.allCases {
            made.base("filter-\(place.rawValue)", .filter, place, 0)
            if place == .forward { continue }
            made.base("nat-\(place.rawValue)", .nat, place, place == .postrouting ? 100 : -100)
        }
        made.base("guard-prerouting", .filter, .prerouting, -110)
        made.base("guard-output", .filter, .output, -110)
        return made
    }

    private func chains(_ made: HandMadeNFT, _ source: String, _ to: String) throws -> [String] {
        try made.trace(source, via: "eth0", to: to).hooks.compactMap {
            $0.split(separator: " ").first.map(String.init)
        }
    }

    @Test("Packets meet the hooks, and base chains by their priority, in the order of the kernel")
    func order() throws {
        let received = ["guard-prerouting", "nat-prerouting", "filter-prerouting"]
        let sent = ["guard-output", "nat-output", "filter-output"]
        let leaving = ["filter-postrouting", "nat-postrouting"]
        let made = Self.everywhere
        #expect(
            try chains(made, "203.0.113.9", "10.1.1.1:80/tcp")
                == received + ["filter-forward"] + leaving
        )
        #expect(
            try chains(made, "203.0.113.9", "192.0.2.1:80/tcp")
                == received + ["filter-input", "nat-input"]
        )
        #expect(try chains(made, "192.0.2.1", "10.1.1.1:80/tcp") == sent + leaving)
        #expect(
            try chains(made, "192.0.2.1", "192.0.2.1:80/tcp")
                == sent + leaving + ["guard-prerouting", "filter-prerouting", "filter-input"]
        )
        let trace = try made.trace("203.0.113.9", to: "192.0.2.1:80/tcp")
        #expect(trace.hooks.first == "guard-prerouting (filter prerouting, priority -110)")
    }

    @Test("Chains of nat are called where nat is, whatever their priority")
    func natPriority() throws {
        var made = HandMadeNFT()
        made.base("filter", .filter, .prerouting, -110)
        made.base("nat", .nat, .prerouting, -150)
        #expect(try chains(made, "203.0.113.9", "192.0.2.1:80/tcp") == ["filter", "nat"])
        made.base("second", .nat, .prerouting, -160)
        #expect(try chains(made, "203.0.113.9", "192.0.2.1:80/tcp") == ["filter", "second", "nat"])
    }

    /// Ports of the node that lead to 10.180.1.1:8080 or to the node's own port 8080.
    private static var translating: HandMadeNFT {
        var made = HandMadeNFT()
        made.set("ports", [.port], to: .fields([.address, .port]))
        for (number, endpoint) in [(UInt16(80), "10.180.1.1:8080"), (81, "192.0.2.1:8080")] {
            let key = NFTValue().appending(port(number))
            made.put(NFTElement(key, .value(NFTValue(socket(endpoint)))), into: "ports")
        }
        made.nat(NFTRule(.anyTransport, .dnat(by: "ports", .port(.destination))))
        return made
    }

    @Test("A translated packet is routed again: forwarded, or to the node itself")
    func routing() throws {
        var made = Self.translating
        made.base("in", .filter, .input, 0, NFTRule(.to("10.180.1.1/32"), .drop))
        made.base("through", .filter, .forward, 0, NFTRule(.to("192.0.2.1/32"), .drop))
        let flows = """
            203.0.113.9 -> 192.0.2.1:80/tcp = 10.180.1.1:8080
            203.0.113.9 -> 10.1.1.1:81/tcp  = 192.0.2.1:8080
            192.0.2.1   -> 192.0.2.1:80/tcp = 10.180.1.1:8080
            192.0.2.1   -> 10.1.1.1:81/tcp  = 192.0.2.1:8080
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("What the node sends to itself keeps mark and priority, is new still and comes in on lo")
    func throughLoopback() throws {
        var made = Self.translating
        made.base(
            "mark",
            .filter,
            .output,
            -200,
            NFTRule(.setMarkBits(0x4000), .setPriority(0x10002))
        )
        made.set("one", [.classID], [NFTElement(NFTValue(0x10002))])
        made.base(
            "back",
            .filter,
            .prerouting,
            -110,
            NFTRule(
                .inInterface(InterfaceMatch("lo")),
                .mark(PacketMark(bit: 0x4000)),
                .isIn("one", .priority),
                .connectionState(.new),
                .translated,
                .drop
            )
        )
        #expect(try made.mismatches("192.0.2.1 -> 10.1.1.1:81/tcp = DROP") == [])
    }

    @Test("Routing to another host takes the priority from IPv4 packets, not from IPv6")
    func priorityOfForwarded() throws {
        var made = HandMadeNFT()
        made.set("one", [.classID], [NFTElement(NFTValue(0x10002))])
        made.base("first", .filter, .prerouting, -110, NFTRule(.setPriority(0x10002)))
        made.base("later", .filter, .forward, 0, NFTRule(.isIn("one", .priority), .drop))
        let flows = """
            203.0.113.9 -> 10.1.1.1:80/tcp       = UNTOUCHED
            2001:db8:9::9 -> [2001:db8:9::8]:80/tcp = DROP
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("A priority left on a packet that leaves the node is noted")
    func leakedPriority() throws {
        var made = HandMadeNFT()
        made.base("first", .filter, .output, -110, NFTRule(.setPriority(0x10002)))
        let note = "meta priority keeps a value of the rules as the packet leaves the node"
        #expect(try made.trace("192.0.2.1", to: "10.1.1.1:80/tcp").notes.contains(note))
        #expect(try !made.trace("192.0.2.1", to: "192.0.2.1:80/tcp").notes.contains(note))
        made.base("last", .filter, .postrouting, 0, NFTRule(.setPriority(0)))
        #expect(try !made.trace("192.0.2.1", to: "10.1.1.1:80/tcp").notes.contains(note))
    }

    @Test("nat translates once at each hook; the chain that does it is the last of its sort")
    func onlyOnce() throws {
        var made = Self.translating
        made.base("more", .nat, .prerouting, -90, NFTRule(.drop))
        made.base("out", .nat, .postrouting, 100, NFTRule(.masquerade))
        made.base("out-more", .nat, .postrouting, 110, NFTRule(.drop))
        let flows = """
            203.0.113.9 -> 192.0.2.1:80/tcp = 10.180.1.1:8080 masq
            203.0.113.9 -> 192.0.2.1:82/tcp = DROP
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test(
        "Translation to where the packet goes anyway delivers, and does not count as translation for ct"
    )
    func toItself() throws {
        var made = Self.translating
        made.base("through", .filter, .forward, 0, NFTRule(.translated, .drop))
        let endpoint = NFTElement(
            NFTValue().appending(port(8080)),
            .value(NFTValue(socket("10.180.1.1:8080")))
        )
        made.put(endpoint, into: "ports")
        let flows = """
            203.0.113.9 -> 10.180.1.1:8080/tcp = 10.180.1.1:8080
            203.0.113.9 -> 10.180.1.2:8080/tcp = DROP
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("A loopback source that leaves the node, and an interface for the node's own, get notes")
    func notes() throws {
        let made = Self.translating
        let martian = try made.trace("127.0.0.1", to: "127.0.0.1:80/tcp")
        #expect(martian.notes.contains { $0.contains("martian") })
        let local = try made.trace("192.0.2.1", via: "eth0", to: "10.1.1.1:82/tcp")
        #expect(local.notes.contains { $0.contains("eth0 is ignored") })
        #expect(local.notes.first == "rules of other programs are not considered")
    }

    @Test("Without a table no rule runs; with unexpected flags the result is a problem")
    func tables() throws {
        var made = Self.translating
        made.state.table = .absent
        let absent = try made.trace("203.0.113.9", to: "192.0.2.1:80/tcp")
        #expect(absent.result == FlowResult(.untouched))
        #expect(absent.path.isEmpty)
        made.state.table = .altered
        let altered = try made.trace("203.0.113.9", to: "192.0.2.1:80/tcp")
        #expect(altered.problems.map(\.kind) == [.undecidable])
    }

    @Test("IPv6 is traced alike, pings too")
    func ipv6() throws {
        var made = HandMadeNFT()
        made.set("ports", [.transport, .port], to: .fields([.address, .port]))
        let key = NFTValue(.udp, port(53))
        made.put(NFTElement(key, .value(NFTValue(socket("[fd00::1]:5353")))), into: "ports")
        made.nat(NFTRule(.anyTransport, .dnat(by: "ports", .transport, .port(.destination))))
        made.base(
            "through",
            .filter,
            .forward,
            0,
            NFTRule(.to("fd00:96::/64"), .isLocal(.source, inverted: true), .reject)
        )
        let flows = """
            fd00::7 -> [fd00:96::1]:53/udp = [fd00::1]:5353
            fd00::7 -> [fd00:96::1]:53/tcp = REJECT
            fd00::7 -> fd00:96::1/icmp     = REJECT
            """
        #expect(try made.mismatches(flows) == [])
    }
}
