import Addressing
import DataplaneModel
import Glibc
import HostFacts
import TestSupport
import Testing

@testable import XTables

/// The same changes in two namespaces, in one by the kernel's bytes and in the other by libiptc, must
/// leave the same tables.
@Suite("TableRewrite")
@KernelThread
struct TableRewriteTests {
    /// What both ways left.
    private struct Left: Equatable {
        var reports: [ApplyReport] = []
        var saved: [[String]] = []
        var states: [IPTablesState] = []
        var sizes: [[TableFingerprint]] = []
        /// The kernel's table, counters included.
        var bytes: [[UInt64]] = []
        var accesses = TableAccesses()
    }

    /// Where other programs have chains.
    enum Foreign: CaseIterable {
        case quiet, before, around

        /// The chain that comes last by name.
        var last: String { self == .around ? "ZZZ" : "PPP" }

        /// Rules with counters, policies, and rules without a target; the store's chains begin with TEST.
        var text: String {
            switch self {
            case .quiet: "*nat\n:TEST - [0:0]\n[5:500] -A TEST -p udp\nCOMMIT\n"
            case .before: TableRewriteTests.foreign(last: last)
            case .around: TableRewriteTests.foreign(last: last)
            }
        }
    }

    @Test(
        "Random changes beside foreign rules end as with libiptc",
        arguments: [
            (.around, 1), (.around, 2), (.around, 3), (.before, 4), (.before, 5), (.quiet, 6),
        ]
            as [(Foreign, UInt64)],
        IPFamily.allCases
    )
    func agreement(_ step: (foreign: Foreign, seed: UInt64), _ family: IPFamily) throws {
        let direct = try run(family, step.seed, step.foreign, .wholeTables)
        let libiptc = try run(family, step.seed, step.foreign, .libiptc)
        #expect(direct.bytes == libiptc.bytes)
        #expect(direct.reports == libiptc.reports)
        #expect(direct.sizes == libiptc.sizes)
        for (ours, theirs) in zip(direct.saved, libiptc.saved) where ours != theirs {
            Issue.record(Comment(rawValue: ours.difference(from: theirs).map { "\($0)" }.joined()))
        }
        #expect(direct.states == libiptc.states)
        // Neither way may be taken in the place of the other, nor the read be spared for no table.
        #expect(direct.accesses.libiptc == 0)
        #expect(direct.accesses.direct == libiptc.accesses.libiptc)
        #expect(libiptc.accesses.direct == 0)
        #expect((direct.accesses.sparedReads > 0) == (step.foreign != .around))
        #expect(libiptc.accesses.sparedReads == 0)
        let counted = step.foreign == .quiet ? "[5:500] -A TEST" : "[7:700] -A OTHER"
        #expect(direct.saved.contains { $0.contains { $0.hasPrefix(counted) } })
    }

    /// Steps of random states, with foreign changes between some of them.
    private func run(
        _ family: IPFamily,
        _ seed: UInt64,
        _ foreign: Foreign,
        _ access: IPTablesStore.TableAccess
    ) throws -> Left {
        let fixture = try StoreFixture(family)
        let store = IPTablesStore(
            family: family,
            tables: [.nat],
            lock: fixture.lock,
            lockWatch: XTablesLockWatch(fixture.lock),
            access: access,
            owns: RuleCatalogue.owns
        )
        var generator = SplitMix64(seed: seed)
        var states = RandomTables(family: family, seed: seed)
        try fixture.restore(foreign.text, "--counters")
        var left = Left()
        var wanted = IPTablesState()
        for step in 0..<24 {
            wanted.nat = states.next(after: wanted.nat)
            let observed = try store.observe().state
            left.reports.append(try store.apply(IPTablesDiff(from: observed, to: wanted)))
            if left.reports.last?.failures.isEmpty == true {
                fixture.expectEqual(try store.observe().state, wanted)
            }
            left.states.append(try store.observe().state)
            left.saved.append(try fixture.save("-c", "-t", "nat"))
            left.sizes.append([try TableFingerprint(of: .nat, family)])
            left.bytes.append(try Self.entries(family))
            if step % 3 == 0, foreign != .quiet {
                try foreignChange(step / 3, foreign, fixture, &generator, wanted.nat)
            }
        }
        left.accesses = store.accesses
        left.accesses.reads = 0
        return left
    }

    /// The entries of nat.
    private static func entries(_ family: IPFamily) throws -> [UInt64] {
        guard let image = try TableImage.read(.nat, family) else {
            Issue.record("The table has another layout than libiptc's.")
            return []
        }
        return stride(from: TableImage.start, to: TableImage.start + image.size, by: 8).map {
            image.bytes.load(UInt64.self, at: $0)
        }
    }

    private func foreignChange(
        _ step: Int,
        _ foreign: Foreign,
        _ fixture: StoreFixture,
        _ generator: inout SplitMix64,
        _ table: OwnedTable
    ) throws {
        switch step {
        case 0:
            // The same size as before: only the port is another.
            try fixture.iptables(
                "-t",
                "nat",
                "-R",
                "\(foreign.last)",
                "1",
                "-p",
                "tcp",
                "-j",
                "REDIRECT",
                "--to-ports",
                "7"
            )
        case 1:
            try fixture.iptables(
                "-t",
                "nat",
                "-N",
                "\(foreign == .around ? "TEST1" : "MIDDLE")-\(Int.random(in: 0..<9, using: &generator))"
            )
        case 2:
            guard let chain = table.sortedChains.first else { return }
            try fixture.iptables("-t", "nat", "-A", "OTHER", "-j", chain.name.text)
            try fixture.iptables("-t", "nat", "-I", "OUTPUT", "-j", chain.name.text)
        case 4:
            try fixture.iptables("-t", "nat", "-F", "OTHER")
            guard let chain = table.sortedChains.last else { return }
            try fixture.iptables(
                "-t",
                "nat",
                "-A",
                chain.name.text,
                "-c",
                "4",
                "400",
                "-j",
                "RETURN"
            )
        case 5:
            try fixture.iptables("-t", "nat", "-A", foreign.last, "-c", "8", "800")
        default: break
        }
    }

    private nonisolated static func foreign(last: String) -> String {
        """
        *nat
        :PREROUTING ACCEPT [11:1100]
        :INPUT ACCEPT [0:0]
        :OUTPUT DROP [12:1200]
        :POSTROUTING ACCEPT [0:0]
        :AAA - [0:0]
        :OTHER - [0:0]
        :TEST - [0:0]
        :\(last) - [0:0]
        [1:100] -A PREROUTING -p tcp -m tcp --dport 1 -j \(last)
        [9:900] -A PREROUTING -p udp
        [2:200] -A POSTROUTING -o eth9 -j MASQUERADE
        [7:700] -A OTHER -m comment --comment "not \\"ours\\"" -g AAA
        [5:500] -A TEST -j OTHER
        [3:300] -A \(last) -p tcp -j REDIRECT --to-ports 9
        COMMIT

        """
    }

    @Test("Rules of more than the usual size fit before what follows", arguments: IPFamily.allCases)
    func largeRules(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let others = (0..<2000).map { "-A ZZZ -p tcp -m tcp --dport \($0 + 1) -j RETURN\n" }
        try fixture.restore("*nat\n:ZZZ - [0:0]\n\(others.joined())COMMIT\n")
        var wanted = IPTablesState()
        // Two comments take 592 bytes.
        let matches: [Match] = [.comment("first"), .comment("second")]
        for number in 100..<400 {
            let chain = ChainName("TEST-\(number)")
            let rules = (0..<4).map { _ in Rule(matches: matches, target: .accept) }
            wanted.nat.chains[chain] = Chain(chain, rules: rules)
        }
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
        #expect(try fixture.save("-t", "nat").count { $0.hasPrefix("-A ZZZ") } == 2000)
    }

    @Test(
        "Jumps lead to their chains when what lies between changes its size",
        arguments: IPFamily.allCases
    )
    func shiftedJumps(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        var wanted = IPTablesState()
        // Rules that shift all that follows, first and last in the table.
        for name in ["TEST-A", "TEST-M", "TEST-Z"] {
            let chain = ChainName(name)
            let next = ChainName(name == "TEST-Z" ? "TEST-END" : "TEST-Z")
            wanted.nat.chains[chain] = Chain(chain, rules: [Rule(target: .jump(next))])
        }
        let end = ChainName("TEST-END")
        wanted.nat.chains[end] = Chain(end, rules: [Rule(target: .accept)])
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
        wanted.nat.chains[end]?.rules.insert(
            Rule(transport: .tcp, matches: [.comment("longer")], target: .returnToCaller),
            at: 0
        )
        wanted.nat.chains[ChainName("TEST-A")] = nil
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
        // libiptc takes the table apart and finds nothing to do.
        let names = try fixture.save("-t", "nat").filter { $0.hasPrefix(":TEST") }
        #expect(names == names.sorted())
        try fixture.iptables("-t", "nat", "-A", "TEST-M", "-j", "RETURN")
        try fixture.iptables("-t", "nat", "-D", "TEST-M", "2")
        #expect(try fixture.store.observe().state == wanted)
    }
}

/// Tables of random chains that jump to each other without a circle.
private struct RandomTables {
    let family: IPFamily
    private var generator: SplitMix64
    private var rules: RandomRules

    init(family: IPFamily, seed: UInt64) {
        self.family = family
        generator = SplitMix64(seed: seed &+ 100)
        rules = RandomRules(family: family, seed: seed)
    }

    /// The table with some chains and jumps changed, added or gone.
    mutating func next(after table: OwnedTable) -> OwnedTable {
        var next = table
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let number = Int.random(in: 0..<12, using: &generator)
            let name = ChainName("TEST-\(number + 10)")
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: next.chains[name] = nil
            case 1:
                let rule = newRule(number)
                let count = next.chains[name]?.rules.count ?? 0
                let place = Int.random(in: 0...count, using: &generator)
                next.chains[name, default: Chain(name, rules: [])].rules.insert(rule, at: place)
            default:
                let count = Int.random(in: 0..<9, using: &generator)
                next.chains[name] = Chain(name, rules: (0..<count).map { _ in newRule(number) })
            }
        }
        // Rules whose chain is gone go, too.
        let names = Set(next.chains.keys)
        for name in names {
            next.chains[name]?.rules.removeAll { rule in
                switch rule.target {
                case .jump(let target), .goto(let target): !names.contains(target)
                default: false
                }
            }
        }
        next.jumps = next.sortedChains.prefix(3).enumerated().map { number, chain in
            let matches: [Match] = number == 1 ? [.comment("services")] : []
            return Jump(
                from: number == 2 ? .postrouting : .prerouting,
                rule: Rule(matches: matches, target: .jump(chain.name))
            )
        }
        return next
    }

    /// A rule of chain `number`, which jumps to chains of higher numbers only.
    private mutating func newRule(_ number: Int) -> Rule {
        if number < 11, Bool.random(using: &generator) {
            let target = ChainName(
                "TEST-\(Int.random(in: (number + 1)..<12, using: &generator) + 10)"
            )
            return Rule(
                transport: .udp,
                matches: Bool.random(using: &generator) ? [.sourceIsLocal(inverted: false)] : [],
                target: Bool.random(using: &generator) ? .jump(target) : .goto(target)
            )
        }
        while true {
            var rule = rules.next()
            switch rule.target {
            case .accept, .returnToCaller, .mark: break
            default: rule.target = .accept
            }
            // The kernel refuses nonsense in these, which is tested elsewhere.
            rule.matches.removeAll { match in
                switch match {
                case .bpf, .recent, .set, .ipvs, .connectionState: true
                case .sourceIsLocal, .destinationIsLocal: true
                default: false
                }
            }
            // MARK is for mangle, but works in nat as well.
            return rule
        }
    }
}
