import Addressing
import DataplaneModel
import Glibc
import IPSets
import Testing

@testable import XTables

@Suite("Rules that ask sets")
@KernelThread
struct SetRuleTests {
    @Test("A packet takes over the mark of the entry it meets")
    func mark() throws {
        let fixture = try StoreFixture(.ipv4)
        let sets = IPSetStore(family: .ipv4, owns: RuleCatalogue.owns)
        let port = try #require(PortNumber(9))
        let marked = SocketAddress(IPAddress(ipv4: 0x7f00_0001), port)
        let unmarked = SocketAddress(IPAddress(ipv4: 0x7f00_0002), port)
        let set = IPSet(
            IPSetName("TEST-INSIDE"),
            kind: .frontend,
            family: .ipv4,
            carriesMarks: true,
            entries: [.frontend(marked, .udp): 0x30000, .frontend(unmarked, .udp): 0]
        )
        #expect(try sets.make([.create(set)]).failures.isEmpty)
        let chain = ChainName("TEST-MARKS")
        let parts: [SetDimension] = [.destination, .destination]
        var wanted = IPTablesState()
        wanted.mangle.chains[chain] = Chain(
            chain,
            rules: [
                Rule(target: .mark(PacketMark(bit: 1))),
                Rule(target: .markFromSet(set.name, parts)),
                Rule(matches: [.mark(PacketMark(value: 0x30000, mask: .max))], target: .accept),
                Rule(matches: [.mark(PacketMark(value: 0, mask: .max))], target: .accept),
                Rule(matches: [.mark(PacketMark(value: 1, mask: .max))], target: .accept),
            ]
        )
        wanted.mangle.jumps = [
            Jump(from: .output, rule: Rule(transport: .udp, target: .jump(chain)))
        ]
        try fixture.apply(wanted)
        try Program.check(["ip", "link", "set", "lo", "up"])
        for target in ["127.0.0.1", "127.0.0.2", "127.0.0.2", "127.0.0.3"] {
            try Program.check(["bash", "-c", "echo > /dev/udp/\(target)/9"])
        }
        let counts = try fixture.save("-c", "-t", "mangle")
            .filter { $0.contains("-A TEST-MARKS -m mark") }
            .map { $0.prefix { $0 != ":" } }
        #expect(counts == ["[1", "[2", "[1"])
        #expect(try fixture.store.observe().state == wanted)
    }

    @Test("A rule goes on asking a set that was replaced, and is observed so")
    func replaced() throws {
        let fixture = try StoreFixture(.ipv6)
        let wanted = RuleCatalogue(family: .ipv6).state
        try fixture.apply(wanted)
        let sets = IPSetStore(family: .ipv6, owns: RuleCatalogue.owns)
        let larger = SetCatalogue(family: .ipv6).set(.frontend, count: 5000)
        #expect(try sets.make([.replace(larger)]) == ApplyReport(operations: 1))
        #expect(try fixture.store.observe().state == wanted)
    }
}

/// Kernels without IPVS cannot take these; User-mode Linux has it.
@Suite("IPVS rules in UML", .enabled(if: isUML))
@KernelThread
struct IPVSRuleUMLTests {
    @Test("iptables prints, finds and takes our match of IPVS", arguments: IPFamily.allCases)
    func match(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let chain = ChainName("TEST-IPVS")
        let name = SetCatalogue(family: family).name(.address)
        let rules = [
            Rule(matches: [.ipvs()], target: .accept),
            Rule(matches: [.ipvs(inverted: true)], target: .accept),
            Rule(matches: [.ipvs(), .set(name, [.source])], target: .masquerade),
        ]
        var wanted = IPTablesState()
        wanted.nat.chains[chain] = Chain(chain, rules: rules)
        wanted.nat.jumps = [Jump(from: .postrouting, rule: Rule(target: .jump(chain)))]
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
        let lines = rules.map { fixture.renderer.render($0, in: chain) }
        #expect(try fixture.save("-t", "nat").filter { $0.contains("-A TEST") } == lines)
        for rule in rules {
            let words = fixture.renderer.render(rule).split(separator: " ").map(String.init)
            try fixture.iptables(["-t", "nat", "-C", chain.text] + words)
        }
        try fixture.iptables("-t", "nat", "-F", chain.text)
        try fixture.restore(fixture.renderer.render(wanted), "--noflush")
        #expect(try fixture.store.observe().state.nat.chains == wanted.nat.chains)
    }
}
