import Addressing
import DataplaneModel
import Glibc
import HostFacts
import IPSets
import Testing
import XTables

/// A store in a new namespace, with a lock file of its own, the catalogue's sets and the legacy
/// programs.
@KernelThread
struct StoreFixture {
    let family: IPFamily
    let store: IPTablesStore
    let lock: XTablesLock.Configuration

    init(_ family: IPFamily) throws {
        try NetworkNamespace.enterNew()
        self.family = family
        lock = XTablesLock.Configuration(path: TestDirectory.lock, timeout: .milliseconds(300))
        let sets = IPSetStore(family: family, owns: RuleCatalogue.owns)
        store = IPTablesStore(
            family: family,
            tables: TableName.allCases,
            lock: lock,
            sets: sets.indexes,
            owns: RuleCatalogue.owns
        )
        let wanted = IPSetChange.changes(from: [:], to: RuleCatalogue(family: family).sets)
        let report = try sets.make(wanted)
        try #require(report.failures.isEmpty)
        // iptables-save prints the tables that were looked at in this namespace.
        _ = try store.observe().state
    }

    var renderer: IPTablesRenderer { IPTablesRenderer(family: family) }
    private var program: String { family == .ipv4 ? "iptables-legacy" : "ip6tables-legacy" }

    @discardableResult
    func iptables(_ arguments: String...) throws -> String {
        try iptables(arguments)
    }

    @discardableResult
    func iptables(_ arguments: [String]) throws -> String {
        try Program.check(Program.locking(lock.path, [program] + arguments))
    }

    @discardableResult
    func restore(_ text: String, _ arguments: String...) throws -> String {
        let call = Program.locking(lock.path, [program + "-restore"] + arguments)
        return try Program.check(call, input: text)
    }

    /// The lines of iptables-save, without its own comments.
    func save(_ arguments: String...) throws -> [String] {
        try Program.check([program + "-save"] + arguments)
            .split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    /// Shows the difference as a diff of rules; a comparison of two long texts takes minutes.
    func expectEqual(
        _ observed: IPTablesState,
        _ wanted: IPTablesState,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let diff = IPTablesDiff(from: observed, to: wanted)
        if !diff.isEmpty {
            Issue.record(Comment(rawValue: renderer.render(diff)), sourceLocation: sourceLocation)
        }
    }

    @discardableResult
    func apply(_ state: IPTablesState) throws -> ApplyReport {
        try store.apply(IPTablesDiff(from: store.observe().state, to: state))
    }
}

@Suite("IPTablesStore")
@KernelThread
struct IPTablesStoreTests {
    @Test("What is applied is observed, for every match and target", arguments: IPFamily.allCases)
    func roundTrip(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let wanted = RuleCatalogue(family: family).state
        let report = try fixture.apply(wanted)
        #expect(report == ApplyReport(operations: 13))
        let observed = try fixture.store.observe().state
        fixture.expectEqual(observed, wanted)
    }

    @Test(
        "A chain that has the plan's rules is the plan's, and no other",
        arguments: IPFamily.allCases
    )
    func expected(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let wanted = RuleCatalogue(family: family).state
        try fixture.apply(wanted)
        var plan = wanted
        // The kernel has no titles, so they show whose chains these are.
        for table in TableName.allCases {
            for name in plan[table].chains.keys { plan[table].chains[name]?.title = "planned" }
        }
        let filled = plan.filter.chains.values.filter { !$0.rules.isEmpty }
        let name = try #require(filled.map(\.name).min())
        plan.filter.chains[name]?.rules.removeLast()
        let observed = try fixture.store.observe(expecting: plan).state
        fixture.expectEqual(observed, wanted)
        for table in TableName.allCases {
            for (chain, found) in observed[table].chains {
                let isChanged = table == .filter && chain == name
                #expect(found.title == (isChanged ? nil : "planned"), "\(table) \(chain)")
            }
        }
    }

    @Test("iptables-save prints the renderer's lines", arguments: IPFamily.allCases)
    func saveEqualsRenderer(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let wanted = RuleCatalogue(family: family).state
        try fixture.apply(wanted)
        for table in TableName.allCases {
            let printed = try fixture.save("-t", table.rawValue).filter { $0.hasPrefix("-A") }
            let jumps = BuiltinChain.allCases.flatMap { chain in
                wanted[table].jumps.filter { $0.from == chain }.map { fixture.renderer.render($0) }
            }
            let rules = wanted[table].sortedChains.flatMap { chain in
                chain.rules.map { fixture.renderer.render($0, in: chain.name) }
            }
            #expect(Set(printed.prefix(jumps.count)) == Set(jumps))
            #expect(Array(printed.dropFirst(jumps.count)) == rules)
        }
    }

    @Test("iptables finds our rules by their text", arguments: IPFamily.allCases)
    func check(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let wanted = RuleCatalogue(family: family).state
        try fixture.apply(wanted)
        var count = 0
        for table in TableName.allCases {
            for chain in wanted[table].chains.values {
                for rule in chain.rules {
                    let text = fixture.renderer.render(rule)
                    // Words in quotes are a shell's business.
                    if text.contains("\"") { continue }
                    let place = ["-t", table.rawValue, "-C", chain.name.text]
                    try fixture.iptables(place + text.split(separator: " ").map(String.init))
                    count += 1
                }
            }
        }
        #expect(count > 50)
    }

    @Test("The text of a plan, restored, is the plan byte for byte", arguments: IPFamily.allCases)
    func textIsAccepted(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let wanted = RuleCatalogue(family: family).state
        let text = fixture.renderer.render(wanted)
        try fixture.restore(text, "--test", "--noflush")
        #expect(try fixture.store.observe().state == IPTablesState())
        try fixture.restore(text, "--noflush")
        let observed = try fixture.store.observe().state
        fixture.expectEqual(observed, wanted)
    }

    @Test("Applying what is there changes nothing", arguments: IPFamily.allCases)
    func noOperation(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let wanted = RuleCatalogue(family: family).state
        try fixture.apply(wanted)
        // A stale diff: it creates all that is there already.
        let report = try fixture.store.apply(IPTablesDiff(from: IPTablesState(), to: wanted))
        #expect(report.conflicts == 0)
        #expect(try fixture.store.observe().state == wanted)
    }

    @Test("Removing everything leaves the tables as they were", arguments: IPFamily.allCases)
    func removal(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        try fixture.restore(Self.foreign)
        let before = try fixture.save("-c")
        let wanted = RuleCatalogue(family: family).state
        try fixture.apply(wanted)
        try fixture.apply(IPTablesState())
        #expect(try fixture.save("-c") == before)
        // Again, from a stale diff: what is gone already is no error.
        _ = try fixture.store.apply(IPTablesDiff(from: wanted, to: IPTablesState()))
        #expect(try fixture.save("-c") == before)
    }

    /// Foreign rules with counters and policies, before and behind our own.
    private static let foreign = """
        *filter
        :INPUT ACCEPT [8:800]
        :FORWARD DROP [9:900]
        :OUTPUT ACCEPT [0:0]
        :OTHER - [0:0]
        [5:500] -A INPUT -i lo -m comment --comment "not \\"ours\\"" -j ACCEPT
        [6:600] -A INPUT -p tcp -m multiport --dports 22,80 -j OTHER
        [7:700] -A OTHER -m limit --limit 5/min -j LOG --log-prefix "other "
        COMMIT
        *nat
        :PREROUTING ACCEPT [0:0]
        :INPUT ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        :ZZZ - [0:0]
        [1:100] -A PREROUTING -p tcp -m tcp --dport 1 -j ZZZ
        [2:200] -A POSTROUTING -o eth9 -j MASQUERADE
        [3:300] -A ZZZ -p tcp -j REDIRECT --to-ports 9
        COMMIT

        """

    @Test("Foreign rules, counters, policies survive byte for byte", arguments: IPFamily.allCases)
    func foreignRules(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        try fixture.restore(Self.foreign, "--counters")
        let before = try fixture.save("-c").filter { !$0.contains("TEST-") }
        #expect(before.contains { $0.hasPrefix("[7:700] -A OTHER") })
        #expect(before.contains(":FORWARD DROP [9:900]"))
        var wanted = RuleCatalogue(family: family).state
        try fixture.apply(wanted)
        #expect(try fixture.save("-c").filter { !$0.contains("TEST-") } == before)
        let post = ChainName("TEST-POST")
        wanted.nat.chains[post]?.rules.removeLast()
        try fixture.apply(wanted)
        #expect(try fixture.save("-c").filter { !$0.contains("TEST-") } == before)
        let first = try fixture.save("-t", "filter").first { $0.hasPrefix("-A INPUT") }
        #expect(first?.hasSuffix("-j TEST-REJECT") == true)
    }

    @Test("Rules that stay keep their counters")
    func counters() throws {
        let fixture = try StoreFixture(.ipv4)
        try fixture.restore(
            """
            *nat
            :TEST-A - [0:0]
            [1:10] -A TEST-A -p tcp -j ACCEPT
            [2:20] -A TEST-A -p udp -j ACCEPT
            [3:30] -A TEST-A -p sctp -j ACCEPT
            COMMIT

            """,
            "--counters"
        )
        var state = try fixture.store.observe().state
        let chain = ChainName("TEST-A")
        state.nat.chains[chain]?.rules.remove(at: 1)
        state.nat.chains[chain]?.rules.insert(Rule(target: .returnToCaller), at: 1)
        state.nat.chains[chain]?.rules.insert(Rule(target: .accept), at: 1)
        try fixture.apply(state)
        let lines = try fixture.save("-c", "-t", "nat").filter { $0.hasPrefix("[") }
        #expect(
            lines == [
                "[1:10] -A TEST-A -p tcp -j ACCEPT", "[0:0] -A TEST-A -j ACCEPT",
                "[0:0] -A TEST-A -j RETURN", "[3:30] -A TEST-A -p sctp -j ACCEPT",
            ]
        )
        #expect(try fixture.store.observe().state == state)
    }

    @Test(
        "A rule that the model cannot express is opaque, and is removed",
        arguments: IPFamily.allCases
    )
    func opaqueRules(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let wanted = RuleCatalogue(family: family).state
        try fixture.apply(wanted)
        try fixture.iptables("-t", "nat", "-I", "TEST-POST", "2", "-m", "limit", "-j", "RETURN")
        try fixture.iptables("-t", "nat", "-A", "TEST-POST")
        try fixture.iptables(
            "-t",
            "nat",
            "-A",
            "PREROUTING",
            "-m",
            "limit",
            "--limit",
            "5/min",
            "-j",
            "TEST-CONDITIONS"
        )
        let observed = try fixture.store.observe().state
        let opaque = observed.nat.chains[ChainName("TEST-POST")]?.rules.filter {
            if case .opaque = $0.target { true } else { false }
        }
        #expect(opaque?.count == 2)
        #expect(observed.nat.jumps.count == wanted.nat.jumps.count + 1)
        #expect(fixture.renderer.render(observed).contains("# opaque "))
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
    }

    @Test("A jump that is there is not inserted again, and a copy of it goes")
    func jumps() throws {
        let fixture = try StoreFixture(.ipv4)
        let wanted = RuleCatalogue(family: .ipv4).state
        try fixture.apply(wanted)
        try fixture.iptables("-t", "nat", "-A", "OUTPUT", "-j", "TEST-CONDITIONS")
        let output = Jump(from: .postrouting, rule: Rule(target: .jump(ChainName("TEST-POST"))))
        let again = IPTablesDiff(tables: [TableDiff(table: .nat, jumps: [.insert(output)])])
        _ = try fixture.store.apply(again)
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
        try fixture.iptables("-t", "nat", "-A", "POSTROUTING", "-j", "TEST-POST")
        #expect(try fixture.store.observe().state.nat.jumps.count == wanted.nat.jumps.count + 1)
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
    }
}
