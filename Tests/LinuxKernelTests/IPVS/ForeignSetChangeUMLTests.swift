import Addressing
import DataplaneModel
import HostFacts
import IPVS
import Testing
import XTables

@Suite("Foreign changes of sets in ipvs mode", .enabled(if: isUML))
@KernelThread
struct ForeignSetChangeUMLTests {
    @Test("Entries that are added, removed and get other marks are not foreign changes")
    func own() throws {
        let node = try Node()
        let states = [[:], [1: 1, 2: 2], [1: 7, 3: 3], [1: 7, 2: 5, 3: 9], [3: 9]].map(node.state)
        #expect(try node.change(from: IPVSState(), to: states[0]) == .none)
        for (old, new) in zip(states, states.dropFirst()) {
            #expect(try node.change(from: old, to: new) == .none)
            #expect(try node.store.observe().state.sets == new.sets)
        }
    }

    @Test("A foreign entry is noticed although marked entries are written before the next look")
    func foreign() throws {
        let node = try Node()
        let old = node.state([1: 1, 2: 2])
        #expect(try node.change(from: IPVSState(), to: old) == .none)
        let answer = try node.change(from: old, to: node.state([1: 7, 3: 3])) {
            try Program.check(["ipset", "add", node.name.text, "10.96.0.9,tcp:80"])
        }
        #expect(answer == .possible)
    }

    @Test("A foreign removal is noticed although marked entries are written before the next look")
    func removal() throws {
        let node = try Node()
        let old = node.state([1: 1, 2: 2, 4: 4])
        #expect(try node.change(from: IPVSState(), to: old) == .none)
        let answer = try node.change(from: old, to: node.state([1: 7, 2: 2, 4: 4])) {
            try Program.check(["ipset", "del", node.name.text, "10.96.0.2,tcp:80"])
        }
        #expect(answer == .possible)
    }
}

/// A new namespace with a store of ipvs mode, of which only the sets are used.
@KernelThread
private struct Node {
    let store: IPVSStore
    let name: IPSetName
    private let addressSet: IPSetName

    init() throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "set", "lo", "up"])
        let prefix = Ownership.fairlead.setPrefix(.ipv4)
        name = IPSetName(prefix + "MARKED")
        addressSet = IPSetName(prefix + "ADDRESSES")
        store = IPVSStore(
            family: .ipv4,
            IPVSStore.Configuration(
                lock: XTablesLock.Configuration(path: TestDirectory.lock),
                drainTimeout: .seconds(60),
                addressSet: addressSet
            )
        )
    }

    private func entry(_ number: Int) -> IPSetEntry {
        .frontend(address("10.96.0.\(number)", 80), .tcp)
    }

    func state(_ marks: [Int: UInt32]) -> IPVSState {
        var state = IPVSState()
        let entries = marks.map { (entry($0.key), $0.value) }
        state.sets[name] = IPSet(
            name,
            kind: .frontend,
            family: .ipv4,
            carriesMarks: true,
            entries: Dictionary(uniqueKeysWithValues: entries)
        )
        state.sets[addressSet] = IPSet(addressSet, kind: .address, family: .ipv4)
        return state
    }

    /// Goes from one state to another after what `meanwhile` does, which the store is not asked
    /// about before; the store's answer afterwards.
    func change(
        from old: IPVSState,
        to new: IPVSState,
        meanwhile: () throws -> Void = {}
    ) throws -> ForeignChanges {
        let mark = try store.observe().mark
        try meanwhile()
        #expect(try store.apply(IPVSDiff(from: old, to: new)).failures == [])
        return try store.changes(since: mark)
    }
}
