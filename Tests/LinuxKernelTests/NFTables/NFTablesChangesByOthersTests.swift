import Addressing
import DataplaneModel
import Foundation
import HostChecks
import HostFacts
import NFTables
import TestSupport
import Testing

@Suite("nftables: changes by others")
@KernelThread
struct NFTablesChangesByOthersTests {
    /// A store whose table is in place, as after a pass.
    private func fixture(_ load: NFTLoad) throws -> NFTFixture {
        let fixture = try NFTFixture(load.family)
        try fixture.apply(load.state)
        return fixture
    }

    /// Whether what `body` does counts as a change since the table was read.
    private func isNoticed(_ fixture: NFTFixture, _ body: () throws -> Void) throws -> Bool {
        let mark = try fixture.store.observe().mark
        try body()
        let changes = try fixture.store.changes(since: mark)
        // The answer stays the same however often one asks.
        #expect(try fixture.store.changes(since: mark) == changes)
        return changes == .certain
    }

    @Test("Whatever others do to our table is noticed, once", arguments: IPFamily.allCases)
    func foreignChanges(_ family: IPFamily) throws {
        let fixture = try fixture(NFTLoad(family: family, services: 3, endpoints: 2))
        let table = "\(fixture.keyword) fairlead"
        for command in [
            "add rule \(table) balance drop", "flush chain \(table) balance",
            "add element \(table) endpoints { 9:9 . 9 : \(family == .ipv4 ? "10.0.0.1" : "fd00::1") . 9 }",
            "delete element \(table) endpoints { 9:9 . 9 }", "add chain \(table) x",
            "add set \(table) y { type ipv4_addr; }", "flush map \(table) endpoints",
            "add table \(table) { flags dormant; }", "delete table \(table)",
        ] {
            #expect(try isNoticed(fixture) { try fixture.nft(command) }, "\(command)")
            #expect(try !isNoticed(fixture) {}, "\(command)")
        }
    }

    /// Whether the store has an announcement to be read.
    private func isAnnounced(_ store: NFTablesStore) -> Bool {
        var files = store.announcements.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        return !files.isEmpty && poll(&files, nfds_t(files.count), 0) > 0
    }

    @Test("What others do is announced until it is looked at", arguments: IPFamily.allCases)
    func announcements(_ family: IPFamily) throws {
        let fixture = try fixture(NFTLoad(family: family, services: 3, endpoints: 2))
        let mark = try fixture.store.observe().mark
        #expect(!isAnnounced(fixture.store))
        try fixture.nft("add rule \(fixture.keyword) fairlead balance drop")
        #expect(isAnnounced(fixture.store))
        #expect(isAnnounced(fixture.store))
        #expect(try fixture.store.changes(since: mark) == .certain)
        #expect(!isAnnounced(fixture.store))
        // Without a socket there is nothing to wait for.
        fixture.store.stopListening()
        #expect(fixture.store.announcements.isEmpty)
    }

    @Test("A flushed ruleset is noticed")
    func flush() throws {
        let load = NFTLoad(family: .ipv4, services: 3, endpoints: 2)
        let fixture = try fixture(load)
        #expect(try isNoticed(fixture) { try fixture.nft("flush", "ruleset") })
        try fixture.apply(load.state)
        fixture.expectEqual(try fixture.store.observe().state, load.state)
    }

    @Test("What is done to other tables, and what we do, is not")
    func ownChanges() throws {
        let load = NFTLoad(family: .ipv4, services: 3, endpoints: 2)
        let fixture = try fixture(load)
        var state = load.state
        let isNoticed = try isNoticed(fixture) {
            try fixture.load("table inet fairlead { chain x { drop; }; }\nadd table ip6 fairlead\n")
            try fixture.nft("add", "table", "ip", "other")
            let diff = state.edit(
                elements: [NFTLoad.slots: [load.slot(1, 1): load.endpoint(1, 1, generation: 1)]]
            )
            try fixture.apply(diff)
            try fixture.store.performDueWork(expecting: state)
        }
        #expect(!isNoticed)
    }

    @Test("A large own change is not a foreign one, and a foreign change meanwhile is noticed")
    func largeChange() throws {
        let load = NFTLoad(family: .ipv4, services: 400, endpoints: 3)
        let fixture = try fixture(load)
        let larger = NFTLoad(family: .ipv4, services: 900, endpoints: 4).state
        let isNoticed = try isNoticed(fixture) { try fixture.apply(larger) }
        #expect(!isNoticed)
        #expect(try self.isNoticed(fixture) { try fixture.nft("add chain ip fairlead x") })
    }

    @Test("What others do right after listening was paused for a large change is noticed")
    func changeInPause() throws {
        try NetworkNamespace.enterNew()
        let monitor = NFTMonitor()
        let store = NFTablesStore(family: .ipv4, monitor: monitor)
        let observed = try store.observe()
        let load = NFTLoad(family: .ipv4, services: 400, endpoints: 3)
        var failure: (any Error)?
        monitor.didPause = {
            // Only the first time: it is the next transaction after the pause that matters.
            monitor.didPause = {}
            do {
                try Program.check(["nft", "add table ip fairlead; add chain ip fairlead x"])
            } catch { failure = error }
        }
        _ = try store.apply(NFTablesDiff(from: observed.state, to: load.state))
        #expect(failure == nil)
        #expect(try store.changes(since: observed.mark) == .certain)
        #expect(try store.observe().state.chains[NFTChainName("x")] != nil)
    }

    /// Sockets of this process that the kernel notifies of nftables changes, in this namespace.
    private func listeners() throws -> Int {
        let text = try String(contentsOfFile: "/proc/thread-self/net/netlink", encoding: .utf8)
        let rows = text.split(separator: "\n").dropFirst().map { $0.split(separator: " ") }
        return rows.count { row in
            // Protocol NETLINK_NETFILTER, group NFNLGRP_NFTABLES.
            row.count > 3 && row[1] == "12" && (UInt32(row[3], radix: 16) ?? 0) & 1 << 6 != 0
        }
    }

    @Test("Stores of both families share one listener, and each reports changes of its own table")
    func sharedListener() throws {
        try NetworkNamespace.enterNew()
        let monitor = NFTMonitor()
        let stores = IPFamily.allCases.map { NFTablesStore(family: $0, monitor: monitor) }
        for store in stores {
            let load = NFTLoad(family: store.family, services: 400, endpoints: 3)
            let diff = NFTablesDiff(from: try store.observe().state, to: load.state)
            _ = try store.apply(diff)
        }
        #expect(try listeners() == 1)
        let marks = try stores.map { try $0.observe().mark }
        func changes() throws -> [ForeignChanges] {
            try zip(stores, marks).map { try $0.changes(since: $1) }
        }
        #expect(try changes() == [.none, .none])
        try Program.check(["nft", "add chain ip6 fairlead x"])
        #expect(try changes() == [.none, .certain])
        #expect(try changes() == [.none, .certain])
        for store in stores { store.stopListening() }
        #expect(try listeners() == 0)
        // Anything may have happened while no program listened.
        #expect(try changes() == [.certain, .certain])
    }

    @Test("What others do between our reading and our writing counts since the reading")
    func betweenCalls() throws {
        let load = NFTLoad(family: .ipv4, services: 3, endpoints: 2)
        let fixture = try fixture(load)
        let observed = try fixture.store.observe()
        #expect(observed.state == load.state)
        try fixture.nft("flush chain ip fairlead balance")
        var state = load.state
        let diff = state.edit(
            elements: [NFTLoad.slots: [load.slot(1, 1): load.endpoint(1, 1, generation: 1)]]
        )
        try fixture.apply(diff)
        #expect(try fixture.store.changes(since: observed.mark) == .certain)
    }

    @Test("What was done before the table is read is seen then, and does not count")
    func beforeReading() throws {
        let load = NFTLoad(family: .ipv4, services: 3, endpoints: 2)
        let fixture = try fixture(load)
        _ = try fixture.store.observe()
        try fixture.nft("flush chain ip fairlead balance")
        let observed = try fixture.store.observe()
        #expect(observed.state != load.state)
        #expect(try fixture.store.changes(since: observed.mark) == .none)
    }

    @Test("This kernel has all that nftables mode needs", arguments: IPFamily.allCases)
    func capabilities(_ family: IPFamily) throws {
        _ = try NFTFixture(family)
        let findings = KernelCapabilities.nftables(families: [family], .fairlead)
        #expect(findings.filter { $0.level == .failure } == [])
        let subject = "\(family.rawValue) nftables"
        #expect(findings.contains { $0.subject == subject && $0.level == .good })
        // Nothing is left behind.
        #expect(try Program.check(["nft", "list", "ruleset"]) == "")
    }

    @Test("Waiting for a commit changes nothing, and is not a change")
    func awaitingCommit() throws {
        _ = try NFTFixture(.ipv4)
        let connection = try NFTConnection(.ipv4)
        let before = try connection.generation()
        try connection.awaitCommit()
        #expect(try connection.generation() == before)
    }

    @Test("A kernel that has it all is asked once", arguments: IPFamily.allCases)
    func oneRehearsal(_ family: IPFamily) throws {
        _ = try NFTFixture(family)
        let rehearsal = try NFTRehearsal(family, .fairlead)
        #expect(try rehearsal.missing() == [])
        // The generation, and one transaction.
        #expect(rehearsal.sendCount == 2)
    }
}

@Suite("nftables where it is missing", .enabled(if: isUML))
@KernelThread
struct NFTablesMissingUMLTests {
    @Test("A kernel without a family's tables says so", arguments: IPFamily.allCases)
    func capabilities(_ family: IPFamily) throws {
        let findings = KernelCapabilities.nftables(families: [family], .fairlead)
        let failures = findings.filter { $0.level == .failure }.map(\.detail)
        #expect(failures.count == 1)
        #expect(failures.first?.contains("CONFIG_NF_TABLES_IPV") == true)
    }
}
