import Addressing
import DataplaneModel
import PacketTracing
import Testing

@Suite struct NFTConditionTests {
    /// Whether a packet meets conditions at a hook; dropping shows it.
    private func meets(
        _ conditions: NFTStatement...,
        at place: NFTHook.Place = .forward,
        from source: String = "198.51.100.9",
        via interface: String? = nil,
        to destination: String = "10.96.0.10:80/tcp"
    ) throws -> Bool {
        var made = HandMadeNFT()
        made.base("base", .filter, place, 0, NFTRule(conditions + [.drop]))
        let trace = try made.trace(source, via: interface, to: destination)
        #expect(trace.problems.isEmpty)
        return trace.result?.verdict == .dropped
    }

    @Test("Address ranges, straight and inverted")
    func addresses() throws {
        #expect(try meets(.from("198.51.100.0/24")))
        #expect(try !meets(.from("10.0.0.0/8")))
        #expect(try meets(.to("10.96.0.0/12")))
        #expect(try !meets(.address(.destination, prefix("10.96.0.0/12"), inverted: true)))
        #expect(try meets(.address(.source, prefix("10.0.0.0/8"), inverted: true)))
    }

    @Test("Local addresses: those given and all of loopback")
    func local() throws {
        #expect(try meets(.isLocal(.destination), at: .input, to: "192.0.2.1:80/tcp"))
        #expect(try meets(.isLocal(.source), at: .output, from: "127.0.0.1"))
        #expect(try !meets(.isLocal(.source)))
        #expect(try meets(.isLocal(.source, inverted: true)))
        #expect(try meets(.isLocal(.destination, inverted: true)))
    }

    @Test("Protocols; a ping has another one")
    func transports() throws {
        #expect(try meets(.transports([.udp, .tcp])))
        #expect(try !meets(.transports([.udp])))
        #expect(try !meets(.anyTransport, to: "10.96.0.10/icmp"))
    }

    @Test("The first packet is new, and not translated")
    func connection() throws {
        #expect(try meets(.connectionState([.established, .new])))
        #expect(try !meets(.connectionState(.established)))
        #expect(try !meets(.translated))
    }

    @Test("Marks under a mask")
    func marks() throws {
        let mark = PacketMark(bit: 0x4000)
        #expect(try !meets(.mark(mark)))
        #expect(try meets(.mark(mark, inverted: true)))
        #expect(try meets(.setMarkBits(0x4001), .mark(mark)))
    }

    @Test("The input interface is the one given, else the link of the source's range")
    func interfaces() throws {
        let cni = NFTStatement.inInterface(InterfaceMatch("cni0"))
        let prefix = NFTStatement.inInterface(InterfaceMatch("veth", isPrefix: true))
        let notCNI = NFTStatement.inInterface(InterfaceMatch("cni0", inverted: true))
        #expect(try meets(cni, from: "10.244.1.7"))
        #expect(try !meets(cni, from: "10.244.1.7", via: "eth0"))
        #expect(try meets(prefix, via: "veth1234"))
        #expect(try !meets(prefix, via: "vet"))
        #expect(try meets(notCNI, via: "eth0"))
        #expect(try meets(cni, at: .input, from: "10.244.1.7", to: "192.0.2.1:80/tcp"))
    }

    @Test("A packet of the node comes in nowhere: a name fails, an inverted one holds")
    func noInterface() throws {
        let lo = NFTStatement.inInterface(InterfaceMatch("lo"))
        let notLo = NFTStatement.inInterface(InterfaceMatch("lo", inverted: true))
        for place in [NFTHook.Place.output, .postrouting] {
            #expect(try !meets(lo, at: place, from: "192.0.2.1"))
            #expect(try meets(notLo, at: place, from: "192.0.2.1"))
        }
        #expect(try meets(lo, at: .input, from: "192.0.2.1", to: "192.0.2.1:80/tcp"))
    }

    @Test("An unknown interface is a problem, unless the rule fails anyway")
    func unknownInterface() throws {
        let notCNI = NFTStatement.inInterface(InterfaceMatch("cni0", inverted: true))
        var made = HandMadeNFT()
        made.base("base", .filter, .forward, 0, NFTRule(notCNI, .to("10.96.0.10/32"), .drop))
        let trace = try made.trace("198.51.100.9", to: "10.96.0.10:80/tcp")
        #expect(trace.result == FlowResult(.untouched))
        #expect(trace.problems.map(\.kind) == [.undecidable])
        #expect(try made.trace("198.51.100.9", to: "10.96.0.11:80/tcp").problems.isEmpty)
        made.set("set", [.address], [.address("10.96.0.10")])
        made.base(
            "base",
            .filter,
            .forward,
            0,
            NFTRule(notCNI, .isIn("set", .address(.destination)), .drop)
        )
        #expect(try made.trace("198.51.100.9", to: "10.96.0.10:80/tcp").problems.count == 1)
        #expect(try made.trace("198.51.100.9", to: "10.96.0.11:80/tcp").problems.isEmpty)
        // What comes before the effect counts, what comes behind it does not.
        made.base(
            "base",
            .filter,
            .forward,
            0,
            NFTRule(notCNI, .setMarkBits(1), .to("10.96.0.10/32"), .drop)
        )
        #expect(try made.trace("198.51.100.9", to: "10.96.0.11:80/tcp").problems.count == 1)
    }

    @Test("A trace of everything also shows which rules a packet left, and why")
    func verbose() throws {
        var made = HandMadeNFT()
        made.base(
            "base",
            .filter,
            .forward,
            0,
            NFTRule(.from("10.1.1.1/32"), .drop),
            NFTRule(.transports([.udp]), .drop),
            NFTRule(.mark(PacketMark(bit: 1)), .drop),
            NFTRule(.isLocal(.destination), .drop),
            NFTRule(.connectionState(.established), .drop),
            NFTRule(.translated, .drop),
            NFTRule(.isIn("set", .address(.destination)), .drop),
            NFTRule(.anyTransport),
            NFTRule(.reject)
        )
        made.set("set", [.address], title: "what it is for")
        let trace = try made.trace("198.51.100.9", to: "10.96.0.10:80/tcp", .everything)
        let steps = try #require(trace.path.first).steps
        #expect(steps.map(\.matched) == [Bool](repeating: false, count: 7) + [true, true])
        #expect(
            steps.flatMap(\.reasons) == [
                "source is 198.51.100.9", "protocol is tcp", "the mark is 0x0",
                "10.96.0.10 is not an address of this node", "the connection is new",
                "the destination was not translated",
                "10.96.0.10 is not in set (what it is for)",
            ]
        )
        #expect(steps.suffix(2).map(\.effect) == ["goes on with the next rule", "rejected"])
    }
}
