import Addressing
import DataplaneModel
import Testing

@testable import XTables

@Suite("RuleCodec")
struct RuleCodecTests {
    @Test("Random rules survive encoding and decoding", arguments: IPFamily.allCases)
    func roundTrip(_ family: IPFamily) throws {
        var random = RandomRules(family: family, seed: 20)
        let codec = RuleCodec(family: family, sets: RuleCatalogue.indexes)
        var entry = RuleEntry()
        for _ in 0..<5000 {
            let rule = random.next()
            try codec.encode(rule, into: &entry)
            #expect(entry.count % 8 == 0)
            #expect(codec.decode(entry) == rule)
        }
    }

    @Test("The catalogue's rules survive encoding and decoding", arguments: IPFamily.allCases)
    func catalogue(_ family: IPFamily) throws {
        let codec = RuleCodec(family: family, sets: RuleCatalogue.indexes)
        let state = RuleCatalogue(family: family).state
        var entry = RuleEntry()
        for table in TableName.allCases.map({ state[$0] }) {
            for rule in table.sortedChains.flatMap(\.rules) + table.jumps.map(\.rule) {
                try codec.encode(rule, into: &entry)
                #expect(codec.decode(entry) == rule)
            }
        }
    }

    @Test(
        "A match that claims more bytes than there are is not read, and its rule is opaque",
        arguments: IPFamily.allCases
    )
    func shortMatch(_ family: IPFamily) throws {
        let codec = RuleCodec(family: family, sets: RuleCatalogue.indexes)
        let rule = Rule(
            transport: .tcp,
            matches: [.destinationPort(.tcp, 80...80)],
            target: .accept
        )
        for name: StaticString in ["bpf", "recent", "comment", "conntrack", "set", "tcp"] {
            var entry = RuleEntry()
            try codec.encode(rule, into: &entry)
            let match = codec.layout.size
            entry.zero((match + 2)..<(match + 32))
            entry.store(name, at: match + 2)
            entry.store(UInt16(600), at: match)
            #expect(codec.decode(entry) == Rule(target: .opaque(entry.bytes)))
        }
    }

    @Test("An IPv4 dispatch rule, byte by byte")
    func dispatchGolden() throws {
        let rule = Rule(
            destination: PrefixMatch(IPAddress(ipv4: 0x0a60_0001)),
            transport: .tcp,
            matches: [.destinationPort(.tcp, 80...81)],
            target: .goto(ChainName("SVC"))
        )
        #expect(
            try hex(rule, .ipv4) == """
                00000000 0a600001 00000000 ffffffff
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                06000200 00000000 a000c800 00000000
                00000000 00000000 00000000 00000000
                30007463 70000000 00000000 00000000
                00000000 00000000 00000000 00000000
                0000ffff 50005100 00000000 00000000
                28005356 43000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000
                """
        )
    }

    @Test("An IPv6 DNAT with a chance, byte by byte")
    func translationGolden() throws {
        let address = try #require(IPAddress("fd00::1:2"))
        let port = try #require(PortNumber(8080))
        let rule = Rule(
            inInterface: InterfaceMatch("eth", isPrefix: true, inverted: true),
            transport: .udp,
            matches: [.random(Probability(1, outOf: 4))],
            target: .destinationNAT(SocketAddress(address, port))
        )
        #expect(
            try hex(rule, .ipv6) == """
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                6574682b 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                ffffff00 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                11000001 01000000 00000000 e0003001
                00000000 00000000 00000000 00000000
                00000000 00000000 38007374 61746973
                74696300 00000000 00000000 00000000
                00000000 00000000 00000000 00000020
                00000000 00000020 00000000 00000000
                5000444e 41540000 00000000 00000000
                00000000 00000000 00000000 00000002
                03000000 fd000000 00000000 00000000
                00010002 fd000000 00000000 00000000
                00010002 1f901f90 00000000 00000000
                """
        )
    }

    @Test("A mark from a set behind both IPVS and set matches, byte by byte")
    func setGolden() throws {
        let name = IPSetName("SET")
        let rule = Rule(
            matches: [
                .ipvs(inverted: true),
                .set(name, [.source, .destination, .source], inverted: true),
            ],
            target: .markFromSet(name, [.destination, .source])
        )
        #expect(
            try hex(rule, .ipv4, SetIndexes([name: 0x1234])) == """
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 08014001 00000000
                00000000 00000000 00000000 00000000
                48006970 76730000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000101 50007365 74000000
                00000000 00000000 00000000 00000000
                00000000 00000004 3412030b 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 00000000 00000000
                00000000 00000000 38005345 54000000
                00000000 00000000 00000000 00000000
                00000000 00000003 ffff0000 ffff0000
                34120204 00010000 ffffffff 00000000
                """
        )
    }

    @Test("A set without a number cannot be asked, and a number without a set is opaque")
    func unknownSets() throws {
        let name = IPSetName("SET")
        let known = RuleCodec(family: .ipv4, sets: SetIndexes([name: 3]))
        let unknown = RuleCodec(family: .ipv4, sets: SetIndexes([IPSetName("OTHER"): 2]))
        var entry = RuleEntry()
        for rule in [
            Rule(matches: [.set(name, [.source])], target: .accept),
            Rule(target: .markFromSet(name, [.source])),
        ] {
            let error = #expect(throws: UnencodableRule.self) {
                try unknown.encode(rule, into: &entry)
            }
            #expect(error?.reason == "there is no set SET")
            try known.encode(rule, into: &entry)
            #expect(known.decode(entry) == rule)
            #expect(unknown.decode(entry) == Rule(target: .opaque(entry.bytes)))
        }
    }

    @Test("Every changed byte of an entry shows in the decoded rule")
    func exactness() throws {
        let rule = Rule(
            source: PrefixMatch(try #require(IPPrefix("10.0.0.0/8"))),
            transport: .tcp,
            matches: [
                .destinationPort(.tcp, 80...80), .mark(PacketMark(bit: 4)), .ipvs(),
                .set(RuleCatalogue.setNames[0], [.destination]),
            ],
            target: .masquerade
        )
        let codec = RuleCodec(family: .ipv4, sets: RuleCatalogue.indexes)
        var entry = RuleEntry()
        try codec.encode(rule, into: &entry)
        for index in entry.bytes.indices where !(92..<112).contains(index) {
            // Sizes that do not add up never get that far: the kernel checks them.
            if (88..<92).contains(index) { continue }
            #expect(codec.decode(entry.flippingBit(at: index)) != rule, "byte \(index)")
        }
    }

    @Test(
        "What neither the kernel nor iptables-restore would take is refused",
        arguments: [
            Rule(source: PrefixMatch(IPAddress(family: .ipv6, bits: 1)), target: .accept),
            Rule(inInterface: InterfaceMatch("a234567890123456"), target: .accept),
            Rule(inInterface: InterfaceMatch(""), target: .accept),
            Rule(inInterface: InterfaceMatch("eth+"), target: .accept),
            Rule(matches: [.destinationPort(.tcp, 1...1)], target: .accept),
            Rule(matches: [.connectionState([])], target: .accept),
            Rule(matches: [.recent(RecentMatch(.set, list: "a/b"))], target: .accept),
            Rule(matches: [.recent(RecentMatch(.set, list: ""))], target: .accept),
            Rule(matches: [.recent(RecentMatch(.update(seconds: 0), list: "a"))], target: .accept),
            Rule(matches: [.bpf([])], target: .accept),
            Rule(
                matches: [.bpf(Array(repeating: BPFInstruction(6, operand: 0), count: 65))],
                target: .accept
            ),
            Rule(matches: [.comment(String(repeating: "x", count: 256))], target: .accept),
            Rule(
                matches: Array(repeating: .comment("x"), count: 300),
                target: .accept
            ),
            Rule(matches: [.set(RuleCatalogue.setNames[0], [])], target: .accept),
            Rule(
                target: .markFromSet(
                    RuleCatalogue.setNames[0],
                    Array(repeating: .source, count: 7)
                )
            ),
            Rule(target: .opaque([])),
        ]
    )
    func refusals(_ rule: Rule) {
        var entry = RuleEntry()
        #expect(throws: UnencodableRule.self) {
            let codec = RuleCodec(family: .ipv4, sets: RuleCatalogue.indexes)
            try codec.encode(rule, into: &entry)
        }
    }

    private func hex(
        _ rule: Rule,
        _ family: IPFamily,
        _ sets: SetIndexes = SetIndexes()
    ) throws -> String {
        var entry = RuleEntry()
        try RuleCodec(family: family, sets: sets).encode(rule, into: &entry)
        var text = ""
        for (index, byte) in entry.bytes.enumerated() {
            if index > 0, index % 16 == 0 {
                text += "\n"
            } else if index > 0, index % 4 == 0 {
                text += " "
            }
            text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        return text
    }
}
