import Addressing
import DataplaneModel
import TestSupport
import Testing

@testable import NFTables

@Suite("Changes in nftables")
@KernelThread
struct NFTablesChangeTests {
    /// Messages and sends of an `apply`.
    private func cost(
        _ fixture: NFTFixture,
        _ diff: NFTablesDiff
    ) throws -> (messages: Int, sends: Int) {
        let (messages, sends) = (fixture.store.messagesSent, fixture.store.sendsMade)
        try fixture.apply(diff)
        return (fixture.store.messagesSent - messages, fixture.store.sendsMade - sends)
    }

    @Test(
        "A changed endpoint is two messages between a transaction's marks, in one send",
        arguments: IPFamily.allCases
    )
    func oneChange(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let load = NFTLoad(family: family, services: 200, endpoints: 3)
        var state = load.state
        try fixture.apply(state)
        let moved = state.edit(
            elements: [NFTLoad.slots: [load.slot(7, 1): load.endpoint(7, 1, generation: 1)]]
        )
        #expect(moved.count == 1)
        #expect(try cost(fixture, moved) == (4, 1))
        // One more endpoint: its slot, and the frontend that counts slots.
        let more = state.edit(
            elements: [
                NFTLoad.slots: [load.slot(7, 3): load.endpoint(7, 3)],
                NFTLoad.frontends: [load.frontend(7): load.frontendData(7, slots: 4)],
            ]
        )
        #expect(more.count == 2)
        #expect(try cost(fixture, more) == (5, 1))
        fixture.expectEqual(try fixture.store.observe().state, state)
        #expect(state.edit(elements: [NFTLoad.slots: [load.slot(9, 9): nil]]).isEmpty)
    }

    @Test(
        "Chains, sets and elements that hang together come and go together",
        arguments: IPFamily.allCases
    )
    func objects(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        var state = NFTLoad(family: family, services: 2, endpoints: 2).state
        try fixture.apply(state)
        let before = state
        let clients = NFTSetName("clients-1")
        let first = NFTChainName("affinity-1")
        let second = NFTChainName("known-1")
        let shape = NFTSetShape([.address], mapping: .fields([.classID]), isDynamic: true)
        let key = [NFTExpression.address(.source)]
        let made = state.edit(
            chains: [
                first: NFTChain(
                    first,
                    rules: [
                        NFTRule(.setPriorityFromMap(key, clients), .verdict(.jump(second)))
                    ]
                ),
                second: NFTChain(
                    second,
                    rules: [
                        NFTRule(.update(clients, key: key, data: .priority, timeoutSeconds: 90))
                    ]
                ),
            ],
            sets: [clients: NFTSet(clients, shape, size: 100)],
            elements: [NFTLoad.balancers: [NFTValue(0x4000): .verdict(.goto(first))]]
        )
        #expect(made.count == 4)
        #expect(try cost(fixture, made).sends == 1)
        fixture.expectEqual(try fixture.store.observe().state, state)
        let removed = state.edit(
            chains: [first: nil, second: nil],
            sets: [clients: nil],
            elements: [NFTLoad.balancers: [NFTValue(0x4000): nil]]
        )
        #expect(try cost(fixture, removed).sends == 1)
        fixture.expectEqual(try fixture.store.observe().state, before)
        #expect(state == before)
    }

    @Test("A set that is too small, or a chain for another hook, takes a new table in one send")
    func rebuilding() throws {
        let fixture = try NFTFixture(.ipv4)
        let load = NFTLoad(family: .ipv4, services: 300, endpoints: 3, isSized: true)
        var state = load.state
        #expect(state.sets[NFTLoad.frontends]?.size == 1024)
        try fixture.apply(state)
        // So many values cannot be replaced at once: the kernel counts old and new ones.
        var others: [NFTValue: NFTData?] = [:]
        for service in 0..<300 {
            others[load.frontend(service)] = load.frontendData(service, slots: 2)
        }
        for service in 300..<800 {
            others[load.frontend(service)] = load.frontendData(service, slots: 3)
        }
        let growing = state.edit(elements: [NFTLoad.frontends: others])
        #expect(growing.rebuilt == state)
        #expect(state.sets[NFTLoad.frontends]?.size == 2048)
        try fixture.apply(growing)
        fixture.expectEqual(try fixture.store.observe().state, state)
        // Its observed size is known to do.
        #expect(NFTablesDiff(from: try fixture.store.observe().state, to: state).isEmpty)
        let name = NFTChainName("nat-prerouting")
        var chain = try #require(state.chains[name])
        chain.hook?.priority = -90
        let moving = state.edit(chains: [name: chain])
        #expect(moving.rebuilt != nil)
        try fixture.apply(moving)
        fixture.expectEqual(try fixture.store.observe().state, state)
    }

    @Test("A large change arrives in pieces and ends the same", arguments: IPFamily.allCases)
    func pieces(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family, elementLimit: 100)
        let small = NFTLoad(family: family, services: 40, endpoints: 5)
        try fixture.apply(small.state)
        fixture.expectEqual(try fixture.store.observe().state, small.state)
        let large = NFTLoad(family: family, services: 120, endpoints: 4)
        try fixture.apply(large.state)
        fixture.expectEqual(try fixture.store.observe().state, large.state)
        try fixture.apply(NFTCatalogue(family: family).state)
        fixture.expectEqual(try fixture.store.observe().state, NFTCatalogue(family: family).state)
    }

    @Test("A table that sleeps is woken")
    func dormant() throws {
        let fixture = try NFTFixture(.ipv4)
        let state = NFTLoad(family: .ipv4, services: 2, endpoints: 2).state
        try fixture.apply(state)
        try fixture.nft("add", "table", "ip", "fairlead", "{", "flags", "dormant", ";", "}")
        var seen = try fixture.store.observe().state
        #expect(seen.table == .altered)
        try fixture.apply(state)
        seen = try fixture.store.observe().state
        #expect(seen.table == .active)
        fixture.expectEqual(seen, state)
    }

    @Test(
        "After any number of random changes the kernel holds what is wanted",
        arguments: [1, 2, 3] as [UInt64]
    )
    func random(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let family: IPFamily = seed % 2 == 0 ? .ipv6 : .ipv4
        // Every third change is a large one.
        let fixture = try NFTFixture(family, elementLimit: 30)
        let load = NFTLoad(family: family, services: 20, endpoints: 4)
        var state = load.state
        try fixture.apply(state)
        for step in 0..<30 {
            var slots: [NFTValue: NFTData?] = [:]
            var frontends: [NFTValue: NFTData?] = [:]
            for _ in 0..<(step % 3 == 0 ? 60 : 4) {
                let service = Int.random(in: 0..<20, using: &generator)
                let slot = Int.random(in: 0..<8, using: &generator)
                let generation = Int.random(in: 0..<3, using: &generator)
                slots[load.slot(service, slot)] =
                    Bool.random(using: &generator)
                    ? load.endpoint(service, slot, generation: generation) : .some(nil)
                frontends[load.frontend(service)] = load.frontendData(service, slots: slot)
            }
            let count = Int.random(in: 1...40, using: &generator)
            let name = NFTChainName("random-\(count)")
            let rules = [NFTRule(.maskPriority(UInt32(step))), NFTRule(.verdict(.drop))]
            let diff = state.edit(
                chains: [name: NFTChain(name, rules: rules)],
                elements: [NFTLoad.slots: slots, NFTLoad.frontends: frontends]
            )
            try fixture.apply(diff)
        }
        fixture.expectEqual(try fixture.store.observe().state, state)
    }
}
