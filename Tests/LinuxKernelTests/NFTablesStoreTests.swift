import Addressing
import DataplaneModel
import LinuxKernel
import Testing

/// A store in a new namespace, and nft.
@KernelThread
struct NFTFixture {
    let family: IPFamily
    let store: NFTablesStore

    init(_ family: IPFamily, elementLimit: Int = 20_000) throws {
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
        try store.apply(NFTablesDiff(from: store.observe(), to: state))
    }

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
        let diff = NFTablesDiff(from: try fixture.store.observe(), to: wanted)
        let report = try fixture.store.apply(diff)
        #expect(report == ApplyReport(operations: diff.count))
        let observed = try fixture.store.observe()
        fixture.expectEqual(observed, wanted)
        #expect(observed == wanted)
    }

    @Test("What nft makes of the text is observed as the same", arguments: IPFamily.allCases)
    func textEqualsStore(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let wanted = NFTCatalogue(family: family).state
        try fixture.load(fixture.renderer.render(wanted))
        let observed = try fixture.store.observe()
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
}
