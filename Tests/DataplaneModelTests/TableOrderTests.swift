import Addressing
import DataplaneModel
import Testing

/// Which table of a change is written first.
@Suite("Order of tables")
struct TableOrderTests {
    private static let chain = ChainName("FAIRLEAD-X")

    /// A state with a rule in nat or filter for each address.
    private func state(nat: [String], filter: [String]) throws -> IPTablesState {
        func table(_ addresses: [String]) throws -> OwnedTable {
            let rules = try addresses.map { address in
                Rule(source: PrefixMatch(try #require(IPPrefix(address))), target: .drop)
            }
            return OwnedTable(chains: [Self.chain: Chain(Self.chain, rules: rules)], jumps: [])
        }
        return IPTablesState(filter: try table(filter), nat: try table(nat))
    }

    private func order(
        from old: (nat: [String], filter: [String]),
        to new: (nat: [String], filter: [String])
    ) throws -> [TableName] {
        let diff = IPTablesDiff(
            from: try state(nat: old.nat, filter: old.filter),
            to: try state(nat: new.nat, filter: new.filter)
        )
        #expect(diff.transactions.count == diff.tables.count)
        return diff.transactions.map(\.table)
    }

    private let a = "10.96.0.1/32"
    private let b = "10.96.0.2/32"
    private let c = "10.96.0.3/32"

    @Test(
        "A Service is refused before it is no longer translated, and translated before it is not refused"
    )
    func refusal() throws {
        #expect(try order(from: ([a, b], [c]), to: ([b], [a, c])) == [.filter, .nat])
        #expect(try order(from: ([b], [a, c]), to: ([a, b], [c])) == [.nat, .filter])
        #expect(try order(from: ([b], [a]), to: ([a, b], [])) == [.nat, .filter])
    }

    @Test("With rules that are new, or elsewhere, filter is first")
    func additions() throws {
        #expect(try order(from: ([a], [b]), to: ([b], [a])) == [.filter, .nat])
        #expect(try order(from: ([], [a, b, c]), to: ([a], [c, b])) == [.filter, .nat])
        #expect(try order(from: ([], [a]), to: ([], [])) == [.filter])
        #expect(try order(from: ([], []), to: ([a], [])) == [.nat])
    }
}
