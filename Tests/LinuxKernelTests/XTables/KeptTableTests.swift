import Addressing
import DataplaneModel
import Glibc
import HostFacts
import TestSupport
import Testing

@testable import XTables

/// A table that was written last is not read again while it is provably the kernel's; what other programs
/// wrote, with the lock or without it, is never lost.
@Suite("KeptTable")
@KernelThread
struct KeptTableTests {
    /// A store whose nat table has a chain and a jump, and was written by it.
    @KernelThread
    private struct Written {
        let fixture: StoreFixture
        let store: IPTablesStore
        private(set) var state = IPTablesState()

        /// `foreign` is restored before the store writes.
        init(_ family: IPFamily, _ foreign: String) throws {
            fixture = try StoreFixture(family)
            store = IPTablesStore(
                family: family,
                tables: [.nat],
                lock: fixture.lock,
                lockWatch: XTablesLockWatch(fixture.lock),
                owns: RuleCatalogue.owns
            )
            try fixture.restore("*nat\n\(foreign)COMMIT\n", "--counters")
            let chain = ChainName("TEST-CHAIN")
            state.nat.chains[chain] = Chain(chain, rules: [])
            state.nat.jumps = [Jump(from: .prerouting, rule: Rule(target: .jump(chain)))]
            _ = try store.apply(IPTablesDiff(from: IPTablesState(), to: state))
            #expect(store.accesses == TableAccesses(reads: 1, direct: 1))
        }

        /// Adds a rule to the chain, without reading first.
        mutating func change() throws {
            let earlier = state
            let chain = ChainName("TEST-CHAIN")
            let rule = Rule(transport: .tcp, target: .returnToCaller)
            state.nat.chains[chain]?.rules.append(rule)
            _ = try store.apply(IPTablesDiff(from: earlier, to: state))
        }

        /// Under another lock than the store's, which is as good as none.
        func withoutLock(_ arguments: String...) throws {
            let program = fixture.family == .ipv4 ? "iptables-legacy" : "ip6tables-legacy"
            let lock = fixture.lock.path + ".other"
            try Program.check(Program.locking(lock, [program, "-t", "nat"] + arguments))
        }

        func saved() throws -> [String] { try fixture.save("-c", "-t", "nat") }
    }

    private static let foreign = """
        :OUTPUT ACCEPT [12:1200]
        :AAA - [0:0]
        [1:100] -A PREROUTING -p tcp -m tcp --dport 1 -j AAA
        [2:200] -A POSTROUTING -o eth9 -j MASQUERADE
        [3:300] -A AAA -p tcp -j REDIRECT --to-ports 9

        """

    @Test(
        "Changes in a row read the table once, and keep all counters",
        arguments: IPFamily.allCases
    )
    func row(_ family: IPFamily) throws {
        var written = try Written(family, Self.foreign)
        for _ in 0..<5 { try written.change() }
        #expect(written.store.accesses == TableAccesses(reads: 1, sparedReads: 5, direct: 6))
        written.fixture.expectEqual(try written.store.observe().state, written.state)
        let saved = try written.saved()
        for line in Self.foreign.split(separator: "\n") where line.hasPrefix("[") {
            #expect(saved.contains(String(line)))
        }
        #expect(saved.contains(":OUTPUT ACCEPT [12:1200]"))
        #expect(saved.count { $0.contains("TEST-CHAIN -p tcp -j RETURN") } == 5)
    }

    @Test(
        "What was observed to differ from the plan need not be read again for the change",
        arguments: IPFamily.allCases
    )
    func observed(_ family: IPFamily) throws {
        let written = try Written(family, Self.foreign)
        let chain = ChainName("TEST-CHAIN")
        var plan = written.state
        plan.nat.chains[chain]?.rules.append(Rule(transport: .udp, target: .returnToCaller))
        for isLocked in [false, true] {
            let store = IPTablesStore(
                family: family,
                tables: [.nat],
                lock: written.fixture.lock,
                lockWatch: XTablesLockWatch(written.fixture.lock),
                owns: RuleCatalogue.owns
            )
            // Nothing to change, nothing to keep.
            _ = try store.observe(expecting: written.state)
            let state = try store.observe(expecting: plan).state
            if isLocked { try written.fixture.iptables("-t", "nat", "-N", "OTHER") }
            _ = try store.apply(IPTablesDiff(from: state, to: plan))
            let access =
                isLocked
                ? TableAccesses(reads: 1, direct: 1) : TableAccesses(sparedReads: 1, direct: 1)
            #expect(store.accesses == access)
            written.fixture.expectEqual(try store.observe().state, plan)
            let saved = try written.saved()
            for line in Self.foreign.split(separator: "\n") where line.hasPrefix("[") {
                #expect(saved.contains(String(line)))
            }
            plan.nat.chains[chain]?.rules.append(Rule(transport: .tcp, target: .returnToCaller))
        }
    }

    @Test(
        "After another program released the lock, the table is read",
        arguments: IPFamily.allCases
    )
    func lock(_ family: IPFamily) throws {
        var written = try Written(family, Self.foreign)
        try written.fixture.iptables("-t", "filter", "-A", "INPUT", "-j", "ACCEPT")
        try written.change()
        #expect(written.store.accesses == TableAccesses(reads: 2, direct: 2))
        try written.change()
        #expect(written.store.accesses == TableAccesses(reads: 2, sparedReads: 1, direct: 3))
    }

    @Test(
        "What a program without the lock wrote in front stays, even if it kept the size",
        arguments: IPFamily.allCases,
        [
            ["-R", "AAA", "1", "-p", "tcp", "-j", "REDIRECT", "--to-ports", "7"],
            ["-R", "POSTROUTING", "1", "-o", "eth8", "-j", "MASQUERADE"],
            ["-R", "PREROUTING", "2", "-p", "tcp", "--dport", "1", "-j", "TEST-CHAIN"],
        ]
    )
    func front(_ family: IPFamily, _ edit: [String]) throws {
        var written = try Written(family, Self.foreign)
        let program = family == .ipv4 ? "iptables-legacy" : "ip6tables-legacy"
        let lock = written.fixture.lock.path + ".other"
        let before = try TableFingerprint(of: .nat, family)
        try Program.check(Program.locking(lock, [program, "-t", "nat"] + edit))
        #expect(try TableFingerprint(of: .nat, family) == before)
        let expected = try written.saved()
        try written.change()
        #expect(written.store.accesses == TableAccesses(reads: 2, direct: 2))
        let saved = try written.saved()
        #expect(saved.filter { !$0.contains("-A TEST-CHAIN") } == expected)
        try written.change()
        #expect(written.store.accesses.sparedReads == 1)
    }

    @Test("A policy that a program without the lock set stays", arguments: IPFamily.allCases)
    func policy(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let store = IPTablesStore(
            family: family,
            tables: [.filter],
            lock: fixture.lock,
            lockWatch: XTablesLockWatch(fixture.lock),
            owns: RuleCatalogue.owns
        )
        let chain = ChainName("TEST-CHAIN")
        var states = [IPTablesState()]
        for target in [Target.accept, .drop, .returnToCaller] {
            var next = IPTablesState()
            next.filter.chains[chain] = Chain(chain, rules: [Rule(target: target)])
            states.append(next)
        }
        _ = try store.apply(IPTablesDiff(from: states[0], to: states[1]))
        _ = try store.apply(IPTablesDiff(from: states[1], to: states[2]))
        #expect(store.accesses == TableAccesses(reads: 1, sparedReads: 1, direct: 2))
        let program = family == .ipv4 ? "iptables-legacy" : "ip6tables-legacy"
        let other = fixture.lock.path + ".other"
        try Program.check(Program.locking(other, [program, "-P", "FORWARD", "DROP"]))
        _ = try store.apply(IPTablesDiff(from: states[2], to: states[3]))
        #expect(store.accesses == TableAccesses(reads: 2, sparedReads: 1, direct: 3))
        #expect(try fixture.save("-t", "filter").contains(":FORWARD DROP [0:0]"))
        fixture.expectEqual(try store.observe().state, states[3])
    }

    @Test(
        "What a program without the lock added anywhere stays",
        arguments: IPFamily.allCases,
        ["ZZZ", "BBB"]
    )
    func size(_ family: IPFamily, _ chain: String) throws {
        var written = try Written(family, Self.foreign)
        try written.withoutLock("-N", chain)
        try written.withoutLock("-A", chain, "-p", "udp", "-j", "ACCEPT")
        try written.change()
        #expect(written.store.accesses == TableAccesses(reads: 2, direct: 2))
        #expect(try written.saved().contains("[0:0] -A \(chain) -p udp -j ACCEPT"))
    }

    @Test("A table with foreign chains behind is read each time", arguments: IPFamily.allCases)
    func behind(_ family: IPFamily) throws {
        var written = try Written(family, ":ZZZ - [0:0]\n[3:300] -A ZZZ -p tcp -j ACCEPT\n")
        try written.withoutLock("-R", "ZZZ", "1", "-p", "udp", "-j", "ACCEPT")
        try written.change()
        try written.change()
        #expect(written.store.accesses == TableAccesses(reads: 3, direct: 3))
        #expect(try written.saved().contains("[0:0] -A ZZZ -p udp -j ACCEPT"))
    }

    @Test("An edit of the same size in an own chain is put right", arguments: IPFamily.allCases)
    func own(_ family: IPFamily) throws {
        var written = try Written(family, Self.foreign)
        try written.change()
        try written.withoutLock("-R", "TEST-CHAIN", "1", "-p", "udp", "-j", "RETURN")
        try written.change()
        written.fixture.expectEqual(try written.store.observe().state, written.state)
    }

    @Test("After a refused change the table is read")
    func refused() throws {
        var written = try Written(.ipv4, Self.foreign)
        var wrong = written.state
        let chain = ChainName("TEST-CHAIN")
        wrong.nat.chains[chain]?.rules = [Rule(target: .jump(ChainName("TEST-MISSING")))]
        #expect(throws: DataplaneError.self) {
            _ = try written.store.apply(IPTablesDiff(from: written.state, to: wrong))
        }
        #expect(written.store.accesses.sparedReads == 1)
        try written.change()
        #expect(written.store.accesses == TableAccesses(reads: 2, sparedReads: 1, direct: 2))
        written.fixture.expectEqual(try written.store.observe().state, written.state)
    }

    @Test("Chains in compact form give their entries back", arguments: IPFamily.allCases)
    func compact(_ family: IPFamily) throws {
        let layout = EntryLayout.of(family)
        var packer = PackedChain.Packer(PackedChain(name: "X", hook: nil, id: 3), layout)
        var entry = RuleEntry()
        entry.becomeHead("X", layout)
        #expect(packer.append(unsafe entry.bytes.span.bytes, .none))
        var rules = RandomRules(family: family, seed: 1)
        var expected: [[UInt8]] = [entry.bytes]
        let codec = RuleCodec(family: family)
        for number in 0..<200 {
            var rule = rules.next()
            if number % 3 == 0 { rule.matches = (0..<9).map { .comment("\($0) \(number)") } }
            rule.target = number % 2 == 0 ? .jump(ChainName("X")) : .accept
            guard (try? codec.encode(rule, into: &entry)) != nil else { continue }
            entry.setVerdict(number % 2 == 0 ? 0 : ImageEntry.accept, layout)
            let link = number % 2 == 0 ? EntryLink.chain(77) : .none
            #expect(packer.append(unsafe entry.bytes.span.bytes, link))
            expected.append(entry.bytes)
        }
        #expect(expected.count > 100)
        let chain = packer.finish()
        let entries = chain.entries
        #expect(Int(chain.entryCount) == expected.count)
        for index in expected.indices {
            entries.copy(index, into: &entry)
            #expect(entry.bytes == expected[index])
        }
        var jumps = 0
        chain.forEachJump { id in
            #expect(id == 77)
            jumps += 1
        }
        #expect(jumps == entries.links.count { $0 == .chain(77) } && jumps > 50)
    }
}
