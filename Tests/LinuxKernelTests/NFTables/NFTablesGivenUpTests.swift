import Addressing
import DataplaneModel
import NFTables
import SystemCalls
import TestSupport
import Testing

@Suite("nftables: reading that is given up")
@KernelThread
struct NFTablesGivenUpTests {
    /// Reads the table, which is given up when other work has been asked for `limit` times without any.
    private func read(
        _ store: NFTablesStore,
        expecting plan: NFTablesState,
        limit: Int = .max
    ) throws -> (observation: Observation<NFTablesState>?, questions: Int) {
        var questions = 0
        func hasOther() -> Bool {
            questions += 1
            return questions > limit
        }
        let observation = try OptionalWork.run(unless: hasOther) { () throws(DataplaneError) in
            try store.observe(expecting: plan)
        }
        return (observation, questions)
    }

    @Test(
        "Wherever a reading is given up, what is known holds and the store goes on",
        arguments: IPFamily.allCases
    )
    func everywhere(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let load = NFTLoad(family: family, services: 300, endpoints: 10)
        var state = load.state
        try fixture.apply(state)
        let mark = try fixture.store.observe().mark
        let sockets = try openNetlinkSockets()
        let whole = try read(fixture.store, expecting: state)
        #expect(whole.observation?.state == state && whole.observation?.mark == mark)
        // Each part of the kernel's answers is one: thousands of elements are many.
        #expect(whole.questions > 10)
        for limit in 0..<(whole.questions - 2) {
            let read = try read(fixture.store, expecting: state, limit: limit)
            #expect(read.observation == nil && read.questions == limit + 1)
            #expect(try fixture.store.changes(since: mark) == .none)
            guard limit % 5 == 0 else { continue }
            // A change follows at once.
            let endpoint = load.endpoint(1, 1, generation: limit + 1)
            try fixture.apply(state.edit(elements: [NFTLoad.slots: [load.slot(1, 1): endpoint]]))
            #expect(try fixture.store.changes(since: mark) == .none)
        }
        #expect(try openNetlinkSockets() == sockets)
        let last = try read(fixture.store, expecting: state)
        #expect(last.observation?.state == state && last.observation?.mark == mark)
        _ = try read(fixture.store, expecting: state, limit: whole.questions / 2)
        try fixture.nft("flush", "chain", fixture.keyword, "fairlead", "balance")
        _ = try read(fixture.store, expecting: state, limit: whole.questions / 2)
        #expect(try fixture.store.changes(since: mark) == .certain)
    }

    @Test("What differs from the expected table is read as it is", arguments: IPFamily.allCases)
    func differences(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let load = NFTLoad(family: family, services: 30, endpoints: 3)
        let state = load.state
        try fixture.apply(state)
        var other = state
        _ = other.edit(
            elements: [
                NFTLoad.slots: [
                    load.slot(1, 1): nil, load.slot(2, 2): load.endpoint(2, 2, generation: 1),
                    load.slot(99, 0): load.endpoint(99, 0),
                ],
                NFTLoad.frontends: [load.frontend(3): nil],
            ]
        )
        for plan in [NFTablesState(), other, NFTCatalogue(family: family).state] {
            let observed = try fixture.store.observe(expecting: plan).state
            #expect(observed == state)
            fixture.expectEqual(observed, state)
        }
    }
}
