import Addressing
import DataplaneModel
import Glibc
import IPSets
import Testing

@Suite("IPSetStore replacements and refusals")
@KernelThread
struct IPSetReplacementTests {
    @Test("A set is replaced while a rule asks it", arguments: IPFamily.allCases)
    func swap(_ family: IPFamily) throws {
        let fixture = try SetFixture(family)
        let small = fixture.catalogue.set(.frontend, count: 1000)
        try fixture.apply([small.name: small])
        try fixture.iptables(
            "-A",
            "INPUT",
            "-m",
            "set",
            "--match-set",
            small.name.text,
            "dst,dst"
        )
        let before = try fixture.store.indexes()
        var large = fixture.catalogue.set(.frontend, count: 4000)
        large.name = small.name
        let report = try fixture.apply([large.name: large])
        #expect(report == ApplyReport(operations: 1))
        #expect(try fixture.store.observe() == [large.name: large])
        #expect(try fixture.store.indexes() == before)
        // With marks it is a set of another sort.
        large.carriesMarks = true
        #expect(try fixture.apply([large.name: large]) == ApplyReport(operations: 1))
        #expect(try fixture.store.observe() == [large.name: large])
        #expect(try fixture.ipset("list", "-t", large.name.text).contains("References: 1\n"))
    }

    @Test("A set in use is not destroyed, which is a failure of that set alone")
    func busy() throws {
        let fixture = try SetFixture(.ipv4)
        let wanted = fixture.catalogue.all(count: 3)
        try fixture.apply(wanted)
        let used = fixture.catalogue.name(.address)
        try fixture.iptables("-A", "INPUT", "-m", "set", "--match-set", used.text, "dst")
        let report = try fixture.apply([:])
        #expect(report.operations == 7)
        #expect(report.failures.map(\.kind) == [.busy])
        #expect(report.failures.first?.subject == "set TEST-ADDRESS")
        #expect(report.failures.first?.message?.contains("it is in use") == true)
        #expect(try fixture.store.observe() == [used: try #require(wanted[used])])
        try fixture.iptables("-F", "INPUT")
        #expect(try fixture.apply([:]) == ApplyReport(operations: 1))
    }

    @Test("A full set grows, and keeps all it held")
    func growth() throws {
        let fixture = try SetFixture(.ipv4)
        var set = fixture.catalogue.set(.frontend, count: 100, marks: true)
        set.capacity = 100
        try fixture.apply([set.name: set])
        try fixture.iptables("-A", "INPUT", "-m", "set", "--match-set", set.name.text, "dst,dst")
        // Fits in the end, but not while the old entries are still there.
        var next = fixture.catalogue.set(.frontend, count: 0, marks: true)
        for number in 50..<150 { next.entries[fixture.catalogue.entry(number, .frontend)] = 5 }
        let changes = IPSetChange.changes(from: [set.name: set], to: [set.name: next])
        #expect(try fixture.store.make(changes).failures.isEmpty)
        var both = set
        both.entries.merge(next.entries) { $1 }
        #expect(try fixture.store.observe() == [set.name: both])
        #expect(try fixture.store.remove(changes).failures.isEmpty)
        let observed = try fixture.store.observe()
        #expect(observed == [set.name: next])
        #expect(try #require(observed[set.name]?.capacity) > 150)
    }

    @Test("A new set that is too small is an error that names it; the old one stays")
    func tooSmall() throws {
        let fixture = try SetFixture(.ipv4)
        let old = fixture.catalogue.set(.address, count: 3)
        try fixture.apply([old.name: old])
        var wanted = fixture.catalogue.set(.address, count: 5000)
        wanted.capacity = 1000
        let report = try fixture.store.make([.replace(wanted)])
        #expect(report.operations == 0)
        #expect(report.failures.map(\.subject) == ["set TEST-ADDRESS"])
        #expect(report.failures.map(\.message) == ["the set is full"])
        #expect(try fixture.store.observe() == [old.name: old])
    }

    @Test("Refused entries are named, and all others are taken")
    func refusedEntries() throws {
        let fixture = try SetFixture(.ipv4)
        var wanted = fixture.catalogue.set(.address, count: 2000)
        let good = wanted
        wanted.entries[.address(IPAddress(ipv4: 0))] = 0
        wanted.entries[.address(IPAddress(family: .ipv6, bits: 1))] = 0
        let report = try fixture.store.make([.create(wanted)])
        #expect(report.operations == 2001)
        #expect(
            report.failures.map(\.subject) == [
                "set TEST-ADDRESS, entry 0.0.0.0", "set TEST-ADDRESS, entry ::1",
            ]
        )
        #expect(report.failures.allSatisfy { $0.kind == .invalid })
        #expect(report.failures.first?.message == "the set cannot hold an all-zero address")
        #expect(try fixture.store.observe() == [good.name: good])
    }

    @Test("Many refused entries are reported briefly")
    func manyRefusedEntries() throws {
        let fixture = try SetFixture(.ipv6)
        let other = SetCatalogue(family: .ipv4)
        var wanted = fixture.catalogue.set(.frontend, count: 10)
        let good = wanted
        for number in 0..<1000 { wanted.entries[other.entry(number, .frontend)] = 0 }
        let report = try fixture.store.make([.create(wanted)])
        #expect(report.operations == 11)
        #expect(report.failures.count == 9)
        #expect(report.failures.last?.subject == "set TEST-FRONTEND")
        #expect(report.failures.last?.message?.hasPrefix("992 more were refused") == true)
        #expect(try fixture.store.observe() == [good.name: good])
    }

    @Test("A mark for a set without marks is refused and not lost in silence")
    func unexpectedMark() throws {
        let fixture = try SetFixture(.ipv4)
        let set = fixture.catalogue.set(.frontend, count: 1)
        try fixture.apply([set.name: set])
        var marked = set
        marked.carriesMarks = true
        let entry = fixture.catalogue.entry(1, .frontend)
        let change = marked.replaceEntries([entry: 7])
        let report = try fixture.store.make([#require(change)])
        let message = try #require(report.failures.first?.message)
        #expect(message.contains("set was created without skbinfo"))
        #expect(try fixture.store.observe() == [set.name: set])
    }

    @Test("An update of a set that is gone is a failure of that set alone")
    func missing() throws {
        let fixture = try SetFixture(.ipv4)
        let all = fixture.catalogue.all(count: 2)
        let gone = fixture.catalogue.name(.address)
        try fixture.apply(all.filter { $0.key != gone })
        let changes = IPSetChange.changes(from: all, to: fixture.catalogue.all(count: 3))
        let report = try fixture.store.make(changes)
        #expect(report.operations == 7)
        #expect(report.failures.map(\.kind) == [.notFound])
        #expect(report.failures.map(\.subject) == ["set TEST-ADDRESS"])
    }

    /// Sets under our names that we would not make so.
    private nonisolated static let odd: [(create: [String], add: String)] = [
        (["hash:net"], "10.0.0.0/8"), (["list:set"], ""),
        (["hash:ip", "timeout", "60"], "10.0.0.9"),
        (["hash:ip", "netmask", "24"], "10.0.0.0"), (["hash:ip", "counters"], "10.0.0.9"),
        (["hash:ip", "forceadd"], ""), (["hash:ip", "comment"], ""),
        (["hash:ip", "family", "inet6"], "fd00::1"), (["bitmap:port", "range", "1-1000"], "80"),
        (["bitmap:port", "range", "0-65535"], "0"), (["hash:ip,port"], "10.0.0.9,icmp:8/0"),
        (["hash:ip,port,net"], "10.0.0.9,tcp:80,10.0.0.0/8 nomatch"),
        (["hash:ip", "skbinfo"], "10.0.0.9 skbmark 0x1/0x1"), (["hash:ip", "skbinfo"], "10.0.0.9"),
        (["hash:ip", "skbinfo"], "10.0.0.9 skbprio 1:1"),
    ]

    @Test(
        "A set that another program made differently is observed, replaced and destroyed",
        arguments: odd
    )
    func oddities(_ odd: (create: [String], add: String)) throws {
        let fixture = try SetFixture(.ipv4)
        var lines = "create TEST-ADDRESS \(odd.create.joined(separator: " "))\n"
        if !odd.add.isEmpty { lines += "add TEST-ADDRESS \(odd.add)\n" }
        try Program.check(["ipset", "restore"], input: lines)
        let name = fixture.catalogue.name(.address)
        let seen = try fixture.store.observe()
        #expect(Array(seen.keys) == [name])
        let wanted = IPSet(name, kind: .address, family: .ipv4)
        #expect(seen != [name: wanted])
        #expect(seen[name]?.hasUnexpectedProperty == true || odd.create.contains("inet6"))
        #expect(try fixture.apply([name: wanted]) == ApplyReport(operations: 1))
        #expect(try fixture.store.observe() == [name: wanted])
        try fixture.apply([:])
        try Program.check(["ipset", "restore"], input: lines)
        #expect(try fixture.apply([:]) == ApplyReport(operations: 1))
        #expect(try fixture.ipset("list", "-n").isEmpty)
    }

    @Test("A set of another type that a rule asks stays, and is a failure")
    func otherTypeInUse() throws {
        let fixture = try SetFixture(.ipv4)
        try fixture.ipset("create", "TEST-ADDRESS", "hash:net")
        try fixture.iptables("-A", "INPUT", "-m", "set", "--match-set", "TEST-ADDRESS", "dst")
        let wanted = fixture.catalogue.set(.address, count: 2)
        let report = try fixture.apply([wanted.name: wanted])
        #expect(report.operations == 0)
        #expect(report.failures.map(\.kind) == [.busy])
        #expect(try fixture.ipset("list", "-n") == "TEST-ADDRESS\n")
        try fixture.iptables("-F", "INPUT")
        #expect(try fixture.apply([wanted.name: wanted]) == ApplyReport(operations: 1))
        #expect(try fixture.store.observe() == [wanted.name: wanted])
    }

    @Test("What an interrupted replacement left is cleared away")
    func leftover() throws {
        let fixture = try SetFixture(.ipv4)
        let old = fixture.catalogue.set(.address, count: 2)
        try fixture.apply([old.name: old])
        try fixture.ipset("create", "TEST-ADDRESS~", "hash:net")
        #expect(try fixture.store.observe().count == 2)
        let wanted = fixture.catalogue.set(.address, count: 9)
        #expect(try fixture.store.make([.replace(wanted)]) == ApplyReport(operations: 1))
        #expect(try fixture.store.observe() == [wanted.name: wanted])
    }
}
