import Addressing
import DataplaneModel
import TestSupport
import Testing

/// Which table of a change is written first, and what filter holds meanwhile.
@Suite("Order of tables")
struct TableOrderTests {
    private static let chain = ChainName("FAIRLEAD-X")

    private func rule(_ address: String, _ target: Target = .drop) throws -> Rule {
        Rule(source: PrefixMatch(try #require(IPPrefix(address))), target: target)
    }

    private func table(_ rules: [Rule]) -> OwnedTable {
        OwnedTable(chains: [Self.chain: Chain(Self.chain, rules: rules)], jumps: [])
    }

    /// A state with a rule in nat or filter for each address.
    private func state(nat: [String], filter: [String]) throws -> IPTablesState {
        IPTablesState(
            filter: table(try filter.map { try rule($0) }),
            nat: table(try nat.map { try rule($0) })
        )
    }

    private func order(
        from old: (nat: [String], filter: [String]),
        to new: (nat: [String], filter: [String])
    ) throws -> [TableName] {
        let diff = IPTablesDiff(
            from: try state(nat: old.nat, filter: old.filter),
            to: try state(nat: new.nat, filter: new.filter)
        )
        return diff.transactions.all.map(\.table)
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

    @Test("Where filter gains and loses rules, it first has all of them")
    func exchange() throws {
        #expect(try order(from: ([a], [b]), to: ([b], [a])) == [.filter, .nat, .filter])
        #expect(try order(from: ([], [a, b, c]), to: ([a], [c, b])) == [.filter, .nat, .filter])
        // The same rules in another order.
        #expect(try order(from: ([], [a, b]), to: ([a], [b, a])) == [.filter, .nat])
    }

    @Test("One table alone is one transaction")
    func alone() throws {
        #expect(try order(from: ([], [a]), to: ([], [])) == [.filter])
        #expect(try order(from: ([], [a]), to: ([], [b])) == [.filter])
        #expect(try order(from: ([], []), to: ([a], [])) == [.nat])
    }

    @Test("What the planner knows goes before what the rules of filter tell")
    func known() throws {
        let (old, new) = (try state(nat: [a], filter: [b]), try state(nat: [b], filter: [a]))
        var diff = IPTablesDiff(from: old, to: new)
        func order(_ filterOrder: FilterOrder) -> [TableName] {
            diff.filterOrder = filterOrder
            return diff.transactions.all.map(\.table)
        }
        #expect(order(.first) == [.filter, .nat])
        #expect(order(.last) == [.nat, .filter])
        #expect(order(.both) == [.filter, .nat, .filter])
        // The rules show that filter needs no second transaction.
        diff = IPTablesDiff(from: old, to: try state(nat: [b], filter: [b, a]))
        #expect(order(.both) == [.filter, .nat])
        diff = IPTablesDiff(from: old, to: try state(nat: [b], filter: []))
        #expect(order(.both) == [.nat, .filter])
    }

    /// The rules of the chain in filter after the first transaction of three, the last of which leads to `new`.
    private func between(_ old: [Rule], _ new: [Rule]) throws -> [Rule] {
        let nat = (try state(nat: [a], filter: []).nat, try state(nat: [b], filter: []).nat)
        let transactions = IPTablesDiff(
            from: IPTablesState(filter: table(old), nat: nat.0),
            to: IPTablesState(filter: table(new), nat: nat.1)
        ).transactions
        var filter = table(old)
        filter.execute(try #require(transactions.gains))
        let rules = filter.chains[Self.chain]?.rules
        filter.execute(try #require(transactions.tables.last))
        #expect(filter == table(new))
        return try #require(rules)
    }

    @Test("In between new rules decide first, then old ones, with the common ends kept")
    func union() throws {
        let (first, last) = (try rule("10.0.0.1/32"), try rule("10.0.0.0/8", .reject))
        let (a, b, c) = (try rule(a), try rule(b), try rule(c))
        #expect(try between([first, a, last], [first, b, last]) == [first, b, a, last])
        // A rule that stays is there once.
        #expect(try between([a, b, last], [b, c, last]) == [b, c, a, last])
    }

    @Test(
        "In between what a chain does not decide comes back, so that the old rules are asked, too"
    )
    func gotos() throws {
        let (x, y) = (ChainName("FAIRLEAD-A"), ChainName("FAIRLEAD-B"))
        let stays = try rule(c, .goto(x))
        let rules = try between(
            [stays, try rule(a, .goto(x))],
            [stays, try rule(b, .goto(y))]
        )
        #expect(rules == [stays, try rule(b, .jump(y)), try rule(a, .jump(x))])
    }

    @Test("In between there is nothing of other programs that could not be written again")
    func opaque() throws {
        let foreign = Rule(target: .opaque([1, 2, 3]))
        #expect(try between([foreign, rule(a)], [rule(b)]) == [rule(b), rule(a)])
    }

    @Test("Chains are made at first and deleted at last, and so are jumps to them")
    func chainsAndJumps() throws {
        func filter(_ name: String) -> OwnedTable {
            let chain = ChainName(name)
            return OwnedTable(
                chains: [chain: Chain(chain, rules: [])],
                jumps: [Jump(from: .input, rule: Rule(target: .jump(chain)))]
            )
        }
        let (old, new) = (filter("FAIRLEAD-OLD"), filter("FAIRLEAD-NEW"))
        let diff = IPTablesDiff(
            from: IPTablesState(filter: old),
            to: IPTablesState(filter: new, nat: table([]))
        )
        let transactions = diff.transactions
        var present = old
        present.execute(try #require(transactions.gains))
        #expect(present.chains.count == 2)
        #expect(present.jumps == new.jumps + old.jumps)
        #expect(transactions.tables.map(\.table) == [.nat, .filter])
        present.execute(try #require(transactions.tables.last))
        #expect(present == new)
    }
}
