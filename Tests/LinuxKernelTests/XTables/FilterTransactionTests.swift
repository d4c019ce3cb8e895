import Addressing
import DataplaneModel
import Testing
import XTables

/// Changes for which filter is written twice.
@Suite("Transactions of filter")
@KernelThread
struct FilterTransactionTests {
    private static let chain = ChainName("TEST-A")
    private static let other = ChainName("TEST-B")

    private static func rule(_ text: String, _ target: Target = .drop) throws -> Rule {
        Rule(source: PrefixMatch(try #require(IPPrefix(text))), target: target)
    }

    private static func nat(_ text: String) throws -> OwnedTable {
        let rules = [try rule(text, .accept)]
        return OwnedTable(chains: [chain: Chain(chain, rules: rules)], jumps: [])
    }

    @Test("An object counts once, and rules that stay keep their counters")
    func counters() throws {
        let fixture = try StoreFixture(.ipv4)
        try fixture.restore(
            """
            *filter
            :TEST-A - [0:0]
            [1:10] -A TEST-A -s 10.0.0.1/32 -j DROP
            [2:20] -A TEST-A -s 10.0.0.2/32 -j DROP
            [3:30] -A TEST-A -s 10.0.0.3/32 -j DROP
            COMMIT

            """,
            "--counters"
        )
        var state = try fixture.store.observe().state
        let rules = ["10.0.0.1/32", "10.0.0.9/32", "10.0.0.3/32"]
        state.filter.chains[Self.chain]?.rules = try rules.map { try Self.rule($0) }
        state.nat = try Self.nat("10.0.0.1/32")
        let before = fixture.store.accesses.direct
        #expect(try fixture.apply(state) == ApplyReport(operations: 2))
        #expect(fixture.store.accesses.direct == before + 3)
        let lines = try fixture.save("-c", "-t", "filter").filter { $0.hasPrefix("[") }
        #expect(
            lines == [
                "[1:10] -A TEST-A -s 10.0.0.1/32 -j DROP",
                "[0:0] -A TEST-A -s 10.0.0.9/32 -j DROP",
                "[3:30] -A TEST-A -s 10.0.0.3/32 -j DROP",
            ]
        )
        #expect(try fixture.store.observe().state == state)
        // Only more, then only less.
        state.filter.chains[Self.chain]?.rules.append(try Self.rule("10.0.0.4/32"))
        state.nat = try Self.nat("10.0.0.2/32")
        try fixture.apply(state)
        state.filter.chains[Self.chain]?.rules.removeFirst()
        state.nat = try Self.nat("10.0.0.3/32")
        try fixture.apply(state)
        #expect(fixture.store.accesses.direct == before + 7)
    }

    @Test("Where old and new rules do not go together, the new ones are written all the same")
    func loop() throws {
        let fixture = try StoreFixture(.ipv4)
        func state(_ from: ChainName, _ to: ChainName, _ text: String) throws -> IPTablesState {
            let rule = try Self.rule("10.0.0.0/8", .jump(to))
            let chains = [from: Chain(from, rules: [rule]), to: Chain(to, rules: [])]
            return IPTablesState(
                filter: OwnedTable(chains: chains, jumps: []),
                nat: try Self.nat(text)
            )
        }
        try fixture.apply(state(Self.chain, Self.other, "10.0.0.1/32"))
        let wanted = try state(Self.other, Self.chain, "10.0.0.2/32")
        #expect(try fixture.apply(wanted) == ApplyReport(operations: 3))
        #expect(try fixture.store.observe().state == wanted)
    }

    @Test("A change that fails after its first transaction is made by the next one")
    func failure() throws {
        let fixture = try StoreFixture(.ipv4)
        func filter(_ text: String) throws -> OwnedTable {
            let rules = [try Self.rule(text)]
            return OwnedTable(chains: [Self.chain: Chain(Self.chain, rules: rules)], jumps: [])
        }
        let old = IPTablesState(filter: try filter("10.0.0.1/32"), nat: try Self.nat("10.0.0.1/32"))
        try fixture.apply(old)
        var wanted = IPTablesState(filter: try filter("10.0.0.2/32"), nat: old.nat)
        wanted.nat.chains[Self.chain]?.rules = [Rule(target: .jump(ChainName("TEST-NOWHERE")))]
        #expect(throws: DataplaneError.self) { try fixture.apply(wanted) }
        let between = try fixture.store.observe().state
        #expect(between.filter.chains[Self.chain]?.rules.count == 2)
        #expect(between.nat == old.nat)
        wanted.nat = try Self.nat("10.0.0.2/32")
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
    }
}
