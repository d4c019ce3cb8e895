import Addressing
import DataplaneModel
import NFTables
import TestSupport
import Testing

@Suite("NFTablesStore: counters")
@KernelThread
struct NFTablesCounterTests {
    private func counting(_ family: IPFamily, _ countsPackets: Bool) -> NFTablesState {
        let catalogue = NFTCatalogue(family: family)
        let set = NFTSet(
            NFTCatalogue.traffic,
            NFTSetShape([.address, .transport, .port], countsPackets: countsPackets),
            elements: [
                NFTValue(catalogue.socket(1, 80), .tcp): .none,
                NFTValue(catalogue.socket(2, 53), .udp): .none,
            ]
        )
        return NFTablesState(chains: [], sets: [set])
    }

    @Test(
        "Counters of elements are read, and do not count as a difference",
        arguments: IPFamily.allCases
    )
    func reading(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let wanted = counting(family, true)
        let text = fixture.renderer.render(wanted)
        let element = fixture.renderer.render(
            NFTElement(NFTValue(NFTCatalogue(family: family).socket(2, 53), .udp)),
            of: NFTSetShape([.address, .transport, .port])
        )
        #expect(text.contains(element))
        try fixture.load(
            text.replacing(element, with: "\(element) counter packets 5 bytes 6000000000")
        )
        let counters = try fixture.store.counters()
        #expect(
            counters == [
                NFTCatalogue.traffic: [
                    NFTValue(NFTCatalogue(family: family).socket(1, 80), .tcp): NFTCount(),
                    NFTValue(NFTCatalogue(family: family).socket(2, 53), .udp):
                        NFTCount(packets: 5, bytes: 6_000_000_000),
                ]
            ]
        )
        #expect(try fixture.store.observe().state == wanted)
    }

    @Test("A change of other elements leaves counters as they are", arguments: IPFamily.allCases)
    func change(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        var state = counting(family, true)
        let catalogue = NFTCatalogue(family: family)
        let key = NFTValue(catalogue.socket(1, 80), .tcp)
        try fixture.load(
            fixture.renderer.render(state).replacing(
                " . tcp . 80",
                with: " . tcp . 80 counter packets 7 bytes 700"
            )
        )
        let update = state.edit(elements: [
            NFTCatalogue.traffic: [
                NFTValue(catalogue.socket(2, 53), .udp): nil,
                NFTValue(catalogue.socket(3, 53), .udp): NFTData.none,
            ]
        ])
        try fixture.apply(update)
        let counts = try #require(try fixture.store.counters()[NFTCatalogue.traffic])
        #expect(counts[key] == NFTCount(packets: 7, bytes: 700))
        #expect(counts[NFTValue(catalogue.socket(3, 53), .udp)] == NFTCount())
        #expect(counts.count == 2)
    }

    @Test("Switching counters writes the table anew", arguments: IPFamily.allCases)
    func switching(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        try fixture.apply(counting(family, false))
        #expect(try fixture.store.counters().isEmpty)
        for countsPackets in [true, false] {
            let wanted = counting(family, countsPackets)
            let diff = NFTablesDiff(from: try fixture.store.observe().state, to: wanted)
            #expect(diff.rebuilt != nil)
            try fixture.apply(diff)
            #expect(try fixture.store.observe().state == wanted)
            #expect(try fixture.store.counters().isEmpty == !countsPackets)
        }
    }

    @Test(
        "A set whose elements have another expression is not one that Fairlead makes",
        arguments: IPFamily.allCases
    )
    func foreignExpression(_ family: IPFamily) throws {
        let fixture = try NFTFixture(family)
        let wanted = counting(family, true)
        try fixture.load(
            fixture.renderer.render(wanted).replacing(
                "\t\tcounter\n",
                with: "\t\tlimit rate 5/second\n"
            )
        )
        let observed = try fixture.store.observe().state
        #expect(observed.sets[NFTCatalogue.traffic]?.isOpaque == true)
        try fixture.apply(wanted)
        #expect(try fixture.store.observe().state == wanted)
    }

    @Test("Without a table nothing has been counted")
    func absent() throws {
        #expect(try NFTFixture(.ipv4).store.counters().isEmpty)
    }
}
