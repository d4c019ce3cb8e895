import Addressing
import DataplaneModel
import HostFacts
import NFTables
import TestSupport
import Testing

/// A store in a new namespace, and nft.
@KernelThread
struct NFTFixture {
    let family: IPFamily
    let store: NFTablesStore

    init(_ family: IPFamily, elementLimit: Int = 5_000) throws {
        try NetworkNamespace.enterNew()
        self.family = family
        store = NFTablesStore(family: family, elementLimit: elementLimit)
    }

    var renderer: NFTablesRenderer { NFTablesRenderer(family: family) }
    var keyword: String { family == .ipv4 ? "ip" : "ip6" }

    @discardableResult
    func nft(_ arguments: String...) throws -> String { try Program.check(["nft"] + arguments) }

    /// What `nft -f` makes of a text.
    func load(_ text: String) throws { try Program.check(["nft", "-f", "-"], input: text) }

    @discardableResult
    func apply(_ state: NFTablesState) throws -> ApplyReport {
        try store.apply(NFTablesDiff(from: store.observe().state, to: state))
    }

    @discardableResult
    func apply(_ diff: NFTablesDiff) throws -> ApplyReport { try store.apply(diff) }

    /// Shows the difference as text; a comparison of two long states would take minutes.
    func expectEqual(
        _ observed: NFTablesState,
        _ wanted: NFTablesState,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let diff = NFTablesDiff(from: observed, to: wanted)
        if !diff.isEmpty {
            Issue.record(Comment(rawValue: renderer.render(diff)), sourceLocation: sourceLocation)
        }
    }
}

@Suite("NFTablesStore")
@KernelThread
struct NFTablesStoreTests {
    @Test("What is applied is observed, for every statement and set", arguments: IPFamily.allCases)
    func roundTrip(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let wanted = NFTCatalogue(family: family).state
        let diff = NFTablesDiff(from: try fixture.store.observe().state, to: wanted)
        #expect(fixture.store.sendTimes == SendTimes())
        let report = try fixture.store.apply(diff)
        #expect(report == ApplyReport(operations: diff.count))
        let times = try #require(fixture.store.sendTimes)
        #expect(times.sending > .zero && times.acknowledging > .zero)
        let observed = try fixture.store.observe().state
        fixture.expectEqual(observed, wanted)
        #expect(observed == wanted)
    }

    @Test("What nft makes of the text is observed as the same", arguments: IPFamily.allCases)
    func textEqualsStore(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let wanted = NFTCatalogue(family: family).state
        try fixture.load(fixture.renderer.render(wanted))
        let observed = try fixture.store.observe().state
        fixture.expectEqual(observed, wanted)
    }

    @Test("nft lists what the store wrote as what it loads itself", arguments: IPFamily.allCases)
    func listing(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let wanted = NFTCatalogue(family: family).state
        try fixture.load(fixture.renderer.render(wanted))
        let loaded = try fixture.nft("list", "table", fixture.keyword, "fairlead")
        try fixture.nft("flush", "ruleset")
        try fixture.apply(wanted)
        let written = try fixture.nft("list", "table", fixture.keyword, "fairlead")
        #expect(Set(written.split(separator: "\n")) == Set(loaded.split(separator: "\n")))
    }

    @Test("Thousands of Services, in transactions of a limited size", arguments: IPFamily.allCases)
    func manyServices(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let wanted = NFTLoad(family: family, services: 5000, endpoints: 10).state
        // Sockets are opened now.
        #expect(try fixture.store.observe().state == NFTablesState())
        let sends = fixture.store.sendsMade
        try fixture.apply(NFTablesDiff(from: NFTablesState(), to: wanted))
        // Rules, 50 000 endpoints and a few more, frontends; the generation, twice; waiting for a commit.
        #expect(fixture.store.sendsMade - sends == 1 + 11 + 1 + 2 + 1)
        let observed = try fixture.store.observe().state
        #expect(observed == wanted)
    }

    @Test("Everything goes with the table, and other tables stay", arguments: IPFamily.allCases)
    func removal(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        try fixture.load(Self.foreign)
        let before = try fixture.nft("-a", "list", "ruleset")
        let wanted = NFTCatalogue(family: family).state
        try fixture.apply(wanted)
        try fixture.apply(NFTablesState())
        #expect(try fixture.nft("-a", "list", "ruleset") == before)
        #expect(try fixture.store.observe().state == NFTablesState())
        // An empty table is there all the same.
        try fixture.nft("add", "table", fixture.keyword, "fairlead")
        #expect(try fixture.store.observe().state == NFTablesState(table: .active))
        try fixture.apply(NFTablesState())
        #expect(try fixture.store.observe().state == NFTablesState())
    }

    /// Foreign tables: one with our name in another family, and one with similar names.
    private static let foreign = """
        table inet fairlead {
            map endpoints { type ipv4_addr : verdict; elements = { 10.0.0.1 : drop } }
            chain services { type filter hook input priority 0; ip daddr vmap @endpoints; }
        }
        table ip other {
            chain services { counter packets 5 bytes 500 accept; }
        }
        table ip6 other {
            set cluster-ips { type ipv6_addr; elements = { fd00::1 } }
            chain nat-prerouting { type nat hook prerouting priority -100; jump services; }
            chain services { ip6 daddr @cluster-ips dnat to fd00::2; }
        }
        """

    @Test("Foreign tables stay unchanged while our table changes", arguments: IPFamily.allCases)
    func foreignTables(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        try fixture.load(Self.foreign)
        let before = try fixture.nft("-a", "list", "ruleset")
        let load = NFTLoad(family: family, services: 3, endpoints: 2)
        var state = load.state
        try fixture.apply(state)
        let diff = state.edit(
            chains: [NFTChainName("balance"): NFTChain(NFTChainName("balance"), rules: [])],
            elements: [NFTLoad.slots: [load.slot(1, 1): nil]]
        )
        try fixture.apply(diff)
        try fixture.apply(NFTCatalogue(family: family).state)
        try fixture.nft("delete", "table", fixture.keyword, "fairlead")
        #expect(try fixture.nft("-a", "list", "ruleset") == before)
    }

    @Test("Programs that keep changing their own tables do not prevent an observation")
    func busyHost() throws {
        let fixture = try NFTFixture(.ipv4)
        let state = NFTLoad(family: .ipv4, services: 300, endpoints: 5).state
        try fixture.apply(state)
        let script = """
            { for number in $(seq 150); do
                nft "add table ip x; add chain ip x y; add rule ip x y accept"
                nft delete table ip x
            done; nft add table ip ended; } >/dev/null 2>&1 &
            """
        try Program.check(["sh", "-c", script])
        let mark = try fixture.store.observe().mark
        var readings = 0
        while try !fixture.nft("list", "tables").contains("ended"), readings < 1000 {
            fixture.expectEqual(try fixture.store.observe().state, state)
            readings += 1
        }
        #expect(readings > 3)
        #expect(try fixture.store.changes(since: mark) == .none)
    }
}
