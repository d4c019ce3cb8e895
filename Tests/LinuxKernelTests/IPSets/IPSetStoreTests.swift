import Addressing
import DataplaneModel
import Glibc
import SystemCalls
import Testing

@testable import HostFacts
@testable import IPSets
@testable import XTables

/// A store in a new namespace, and the ipset program.
@KernelThread
struct SetFixture {
    let family: IPFamily
    let store: IPSetStore
    let catalogue: SetCatalogue

    init(_ family: IPFamily) throws {
        try NetworkNamespace.enterNew()
        self.family = family
        store = IPSetStore(family: family, owns: SetCatalogue.owns)
        catalogue = SetCatalogue(family: family)
    }

    /// Both stages, with nothing between them.
    @discardableResult
    func apply(_ sets: [IPSetName: IPSet]) throws -> ApplyReport {
        let changes = IPSetChange.changes(from: try store.observe(), to: sets)
        var report = try store.make(changes)
        let removed = try store.remove(changes)
        report.operations += removed.operations
        report.failures += removed.failures
        return report
    }

    @discardableResult
    func ipset(_ arguments: String...) throws -> String {
        try Program.check(["ipset"] + arguments)
    }

    /// What `ipset save` says of a set's entries.
    func saved(_ name: IPSetName) throws -> Set<String> {
        let lines = try ipset("save", name.text).split(separator: "\n")
        return Set(lines.filter { $0.hasPrefix("add ") }.map(String.init))
    }

    @discardableResult
    func iptables(_ arguments: String...) throws -> String {
        try Program.check([family == .ipv4 ? "iptables-legacy" : "ip6tables-legacy"] + arguments)
    }
}

@Suite("IPSetStore")
@KernelThread
struct IPSetStoreTests {
    @Test("What is made is observed, for every kind", arguments: IPFamily.allCases, [1, 5000])
    func roundTrip(_ family: IPFamily, _ count: Int) throws {
        let fixture = try SetFixture(family)
        let wanted = fixture.catalogue.all(count: count)
        let report = try fixture.apply(wanted)
        #expect(report == ApplyReport(operations: 8 * (1 + count)))
        let observed = try fixture.store.observe()
        #expect(IPSetChange.changes(from: observed, to: wanted).isEmpty)
        #expect(observed == wanted)
        let kinds = observed.values.filter { $0.kind != .port }
        #expect(kinds.allSatisfy { $0.capacity == wanted[$0.name]?.capacity })
        try fixture.apply([:])
        #expect(try fixture.store.observe().isEmpty)
    }

    @Test("The ipset program agrees", arguments: IPFamily.allCases)
    func program(_ family: IPFamily) throws {
        let fixture = try SetFixture(family)
        let wanted = fixture.catalogue.all(count: 4)
        try fixture.apply(wanted)
        for set in wanted.values {
            let lines = set.sortedEntries.map { set.additionLine($0) }
            #expect(try fixture.saved(set.name) == Set(lines))
            let list = try fixture.ipset("list", set.name.text)
            #expect(list.contains("Type: \(set.kind.rawValue)\n"))
            #expect(list.contains(" skbinfo") == set.carriesMarks)
            #expect(set.kind == .port || list.contains(" maxelem 2048"))
            #expect(set.kind != .port || list.contains("Header: range 0-65535"))
        }
    }

    @Test("The text of sets, restored, is what was meant", arguments: IPFamily.allCases)
    func text(_ family: IPFamily) throws {
        let fixture = try SetFixture(family)
        let wanted = fixture.catalogue.all(count: 300)
        let lines = wanted.values.flatMap(\.saveLines).map { $0 + "\n" }
        try Program.check(["ipset", "restore"], input: lines.joined())
        #expect(try fixture.store.observe() == wanted)
        let counts = try fixture.store.entryCounts()
        #expect(counts.values.allSatisfy { $0.entries == 300 })
    }

    @Test("Entries come, go and change their mark", arguments: IPFamily.allCases)
    func updates(_ family: IPFamily) throws {
        let fixture = try SetFixture(family)
        var wanted = fixture.catalogue.all(count: 5)
        try fixture.apply(wanted)
        for set in wanted.values {
            wanted[set.name]?.entries[fixture.catalogue.entry(0, set.kind)] = nil
            let mark: UInt32 = set.carriesMarks ? 0xffff_ffff : 0
            wanted[set.name]?.entries[fixture.catalogue.entry(1, set.kind)] = mark
            wanted[set.name]?.entries[fixture.catalogue.entry(99, set.kind)] = 0
        }
        let changes = IPSetChange.changes(from: try fixture.store.observe(), to: wanted)
        #expect(changes.count == 8)
        // In the sets without marks one entry comes, in the others two come or change.
        #expect(try fixture.store.make(changes) == ApplyReport(operations: 4 + 8))
        #expect(try fixture.store.remove(changes) == ApplyReport(operations: 8))
        #expect(try fixture.store.observe() == wanted)
        // Again: what is there is added all the same, and what is gone stays gone.
        #expect(try fixture.store.make(changes).failures.isEmpty)
        #expect(try fixture.store.remove(changes).failures.isEmpty)
        #expect(try fixture.store.observe() == wanted)
    }

    @Test("A set that is there already gives way to a created one")
    func createdTwice() throws {
        let fixture = try SetFixture(.ipv4)
        let wanted = fixture.catalogue.set(.frontend, count: 3, marks: true)
        try fixture.ipset("create", wanted.name.text, "hash:ip,port", "skbinfo")
        try fixture.ipset("add", wanted.name.text, "9.9.9.9,udp:9")
        let report = try fixture.store.make([.create(wanted)])
        #expect(report.failures.isEmpty)
        #expect(try fixture.store.observe() == [wanted.name: wanted])
    }

    @Test("Foreign sets are not touched")
    func foreign() throws {
        let fixture = try SetFixture(.ipv4)
        try fixture.ipset("create", "OTHER", "hash:net")
        try fixture.ipset("add", "OTHER", "10.0.0.0/8")
        let before = try fixture.ipset("save", "OTHER")
        #expect(try fixture.store.observe().isEmpty)
        try fixture.apply(fixture.catalogue.all(count: 3))
        #expect(try fixture.store.indexes()[IPSetName("OTHER")] == nil)
        try fixture.apply([:])
        #expect(try fixture.ipset("save") == before)
    }

    @Test("Numbers of sets are the kernel's")
    func indexes() throws {
        let fixture = try SetFixture(.ipv4)
        #expect(try fixture.store.indexes().isEmpty)
        try fixture.ipset("create", "OTHER", "hash:ip")
        let wanted = fixture.catalogue.all(count: 1)
        try fixture.apply(wanted)
        let indexes = try fixture.store.indexes()
        let numbers = wanted.keys.compactMap { indexes[$0] }
        #expect(Set(numbers) == Set(1...8))
        #expect(numbers.compactMap { indexes[$0] } == Array(wanted.keys))
        #expect(indexes[0] == nil)
    }

    @Test("Counts are known without reading entries")
    func occupancy() throws {
        let fixture = try SetFixture(.ipv6)
        try fixture.ipset("create", "OTHER", "hash:ip")
        try fixture.apply(fixture.catalogue.all(count: 7))
        let counts = try fixture.store.entryCounts()
        #expect(counts.count == 8)
        for (name, count) in counts {
            let isPort = name.text.contains("PORT")
            let capacity = isPort ? 65536 : 2048
            #expect(count == IPSetStore.Occupancy(entries: 7, capacity: capacity))
        }
        try fixture.ipset("add", "TEST-PORT", "9999")
        let more = try fixture.store.entryCounts()
        #expect(more[IPSetName("TEST-PORT")]?.entries == 8)
    }

    @Test("Nothing is opened again from one use to the next")
    func keptSockets() throws {
        let fixture = try SetFixture(.ipv4)
        let all = fixture.catalogue.all(count: 2)
        try fixture.apply(all)
        let sockets = try openNetlinkSockets()
        #expect(sockets.count == 2)
        _ = try fixture.store.entryCounts()
        _ = try fixture.store.indexes()
        try fixture.apply(all.filter { $0.value.kind == .port })
        #expect(try openNetlinkSockets() == sockets)
        // libipset's session ends with a refused list, and another takes its place.
        let gone = IPSetChange.changes(from: all, to: fixture.catalogue.all(count: 3))
        #expect(try fixture.store.make(gone).failures.count == 6)
        _ = try fixture.store.observe()
        let left = try openNetlinkSockets()
        #expect(left.count == 2 && left.intersection(sockets).count == 1)
    }

    @Test("New sets have the oldest revision with all that is used, which older programs can list")
    func revisions() throws {
        let fixture = try SetFixture(.ipv4)
        let wanted = fixture.catalogue.all(count: 1)
        try fixture.apply(wanted)
        for set in wanted.values {
            let list = try fixture.ipset("list", "-t", set.name.text)
            let line = "Revision: \(set.kind.revision)\n"
            #expect(list.contains(line))
        }
    }

    @Test("A name that looks like more lines of a list adds no set, and disturbs none")
    func lineBreaks() throws {
        let fixture = try SetFixture(.ipv4)
        let hostile = "TEST-A\nTEST-B\nType: x"
        try Program.check(["ipset", "create", "-exist", hostile, "hash:ip"])
        let wanted = fixture.catalogue.all(count: 2)
        #expect(try fixture.apply(wanted).failures.isEmpty)
        let observed = try fixture.store.observe()
        #expect(observed == wanted)
        let counts = try fixture.store.entryCounts()
        #expect(Set(counts.keys) == Set(wanted.keys))
        #expect(counts.values.allSatisfy { $0.entries == 2 })
        let indexes = try fixture.store.indexes()
        #expect(indexes[IPSetName("TEST-A")] == nil)
        try fixture.apply([:])
        #expect(try fixture.ipset("list", "-n") == hostile + "\n")
    }
}

@Suite("Headers of sets as libipset prints them")
struct IPSetHeaderTests {
    private static func text(_ name: String, entries: Int = 3) -> String {
        """
        Name: \(name)
        Type: hash:ip
        Revision: 4
        Header: family inet hashsize 64 maxelem 2048 skbinfo bucketsize 12 initval 0x1
        Size in memory: 200
        References: 1
        Number of entries: \(entries)

        """
    }

    @Test("All at once are as one by one")
    func all() throws {
        let text = Self.text("TEST-A") + "\n" + Self.text("other") + "\n" + Self.text("TEST-B")
        let headers = try #require(IPSetHeader.all(in: text, owns: SetCatalogue.owns))
        #expect(headers.map(\.name) == ["TEST-A", "TEST-B"])
        for header in headers {
            let single = try #require(IPSetHeader(Self.text(header.name)))
            #expect(header.set(.ipv4) == single.set(.ipv4))
            #expect(header.elements == 3 && header.capacity == 2048 && header.carriesMarks)
        }
        #expect(IPSetHeader.all(in: "", owns: { _ in true })?.isEmpty == true)
    }

    @Test(
        "Text of another form is not taken for sets",
        arguments: [
            "a\n", "a\n\nName: TEST-A", "a\nName: TEST-A", "a\nType: hash:ip", "\n", "a\r\nb",
        ]
    )
    func lineBreaks(_ name: String) {
        let text = Self.text("TEST-B") + "\n" + Self.text(name)
        #expect(IPSetHeader.all(in: text, owns: { _ in true }) == nil)
    }

    @Test("Less than all of a set is not taken for one")
    func incomplete() {
        let whole = Self.text("TEST-A")
        let lines = whole.split(separator: "\n").map { $0 + "\n" }
        for count in 1..<lines.count {
            let text = lines.prefix(count).joined()
            #expect(IPSetHeader.all(in: text, owns: { _ in true }) == nil)
            #expect(IPSetHeader.all(in: text + "\n" + whole, owns: { _ in true }) == nil)
        }
        #expect(IPSetHeader.all(in: String(whole.dropLast()), owns: { _ in true }) == nil)
    }
}

@Suite("Sessions of libipset")
struct IPSetSessionTests {
    @Test("Threads and namespaces do not disturb each other")
    func threads() async throws {
        try await withThrowingTaskGroup { group in
            for number in 1...4 {
                group.addTask { try await onOwnThread { try Self.fill(number) } }
            }
            try await group.waitForAll()
        }
    }

    @Sendable
    private static func fill(_ count: Int) throws {
        try NetworkNamespace.enterNew()
        let store = IPSetStore(family: .ipv4, owns: SetCatalogue.owns)
        let wanted = SetCatalogue(family: .ipv4).all(count: count)
        for _ in 1...20 {
            _ = try store.make(IPSetChange.changes(from: [:], to: wanted))
            let observed = try store.observe()
            #expect(observed == wanted)
            let removed = try store.removeEverything()
            #expect(removed == ApplyReport(operations: 8))
        }
    }
}
