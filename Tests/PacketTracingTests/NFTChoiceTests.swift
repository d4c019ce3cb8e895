import Addressing
import DataplaneModel
import PacketTracing
import Testing

@Suite struct NFTChoiceTests {
    private static let frontend = "10.96.0.10:80/tcp"

    private func layout(kind: UInt32 = 0, _ slots: [String]) -> NFTLayout {
        var layout = NFTLayout()
        layout.clusterIP("10.96.0.10:80", layout.list(1, kind: kind, slots))
        return layout
    }

    private func endpoints(_ count: Int) -> [String] {
        (0..<count).map { "10.180.\($0 / 250).\($0 % 250 + 1):8080" }
    }

    @Test(
        "Endpoints get equal shares, up to as many as there are slots",
        arguments: [1, 3, 64, 4095]
    )
    func equalShares(count: Int) throws {
        let made = layout(endpoints(count)).made
        let trace = try made.trace("10.244.1.7", to: Self.frontend)
        #expect(trace.problems.isEmpty)
        #expect(trace.outcomes.count == count)
        #expect(trace.outcomes.allSatisfy { abs($0.probability - 1 / Double(count)) < 1e-12 })
        #expect(abs(trace.outcomes.reduce(0) { $0 + $1.probability } - 1) < 1e-9)
    }

    @Test("Weights are numbers of slots")
    func weights() throws {
        let made = layout(["10.180.1.1:1", "10.180.1.2:1", "10.180.1.1:1", "10.180.1.1:1"]).made
        let flow = "10.244.1.7 -> \(Self.frontend) = 10.180.1.1:1 3/4, 10.180.1.2:1 25%"
        #expect(try made.mismatches(flow) == [])
        #expect(try made.trace("10.244.1.7", to: Self.frontend).notes.count == 1)
    }

    @Test("In turn, each slot is as likely as another for a connection among many")
    func roundRobin() throws {
        let made = layout(kind: 1, ["10.180.1.1:1", "10.180.1.2:1"]).made
        let flow = "10.244.1.7 -> \(Self.frontend) = 10.180.1.1:1, 10.180.1.2:1"
        #expect(try made.mismatches(flow) == [])
        let notes = try made.trace("10.244.1.7", to: Self.frontend).notes
        let note = "numgen inc takes the slots in turn; the shares are those of many connections"
        #expect(notes.contains(note))
    }

    @Test(
        "By hash, the shares are those of many clients, and a note says that one has but one",
        arguments: [(UInt32(2), "client address"), (3, "client address and port")]
    )
    func hash(kind: UInt32, whose: String) throws {
        let made = layout(kind: kind, ["10.180.1.1:1", "10.180.1.2:1", "10.180.1.1:1"]).made
        let flow = "10.244.1.7 -> \(Self.frontend) = 10.180.1.1:1 2/3, 10.180.1.2:1 1/3"
        #expect(try made.mismatches(flow) == [])
        let notes = try made.trace("10.244.1.7", to: Self.frontend).notes
        let note =
            "jhash gives one \(whose) always the same slot; the shares are those of many clients"
        #expect(notes.contains(note))
    }

    @Test("An empty slot is a problem, and who gets it goes on untranslated")
    func emptySlot() throws {
        var layout = layout(["10.180.1.1:1", "10.180.1.2:1", "10.180.1.3:1"])
        layout.made.state.sets[NFTSetName("endpoints")]?.elements[NFTValue(1 << 14, 2)] = nil
        let trace = try layout.made.trace("10.244.1.7", to: Self.frontend)
        #expect(
            trace.problems == [
                TraceProblem(
                    .missingElement,
                    at: "random-3 rule 2",
                    "1 of 3 slots have no element in endpoints: priority 0:4000 . any slot"
                )
            ]
        )
        #expect(trace.outcomes.map(\.result.verdict).contains(.rejected))
        #expect(trace.outcomes.allSatisfy { abs($0.probability - 1.0 / 3) < 1e-12 })
    }

    @Test("A list without any element, of one slot too, is a problem")
    func emptyList() throws {
        var layout = layout(["10.180.1.1:1"])
        layout.made.state.sets[NFTSetName("endpoints")]?.elements = [:]
        let trace = try layout.made.trace("10.244.1.7", to: Self.frontend)
        #expect(trace.problems.map(\.kind) == [.missingElement])
        #expect(trace.result == FlowResult(.rejected))
    }

    @Test("Two choices in one key multiply")
    func twoChoices() throws {
        var made = HandMadeNFT()
        made.set("map", [.number, .number], to: .fields([.address, .port]))
        for first in 0..<UInt32(2) {
            for second in 0..<UInt32(3) {
                made.put(.slot(first, second, "10.180.1.\(first + second + 1):1"), into: "map")
            }
        }
        made.nat(NFTRule(.anyTransport, .dnat(by: "map", .random(2), .random(3))))
        let flow =
            "10.244.1.7 -> \(Self.frontend) = "
            + "10.180.1.1:1 1/6, 10.180.1.2:1 1/3, 10.180.1.3:1 1/3, 10.180.1.4:1 1/6"
        #expect(try made.mismatches(flow) == [])
    }
}
