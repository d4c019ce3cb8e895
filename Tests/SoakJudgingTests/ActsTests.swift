import SoakJudging
import TestSupport
import Testing

/// The acts of a run are a matter of its seed alone.
@Suite("Acts")
struct ActsTests {
    private let faults: [any FaultTraits] = [
        ToyFault("a", [.process], lasts: 2...3), ToyFault("b", [.process]),
        ToyFault("c", [.tables]), ToyFault("d", [.server], lasts: 1...8), ToyFault("e"),
        ToyFault("f", [.tables, .server]),
    ]

    private func acts(_ seed: UInt64, _ count: Int = 60) -> [PlannedAct] {
        let acts = Acts(seed: seed, faults)
        return (1...count).map { acts.act($0) }
    }

    @Test("The same seed gives the same acts, in whatever order one asks, and another seed others")
    func seeds() {
        let all = acts(7)
        #expect(acts(7) == all)
        #expect(Acts(seed: 7, faults).act(42) == all[41])
        #expect(acts(8) != all)
        // Not the same again, shifted: acts have nothing in common.
        #expect(Set(all.map(\.seed)).count == all.count)
        #expect(acts(8).map(\.seed).allSatisfy { !all.map(\.seed).contains($0) })
    }

    @Test("A fault's own choices come neither from the changes nor from other faults")
    func ownChoices() {
        let act = acts(7)[0]
        var values: Set<UInt64> = []
        for fault in faults.indices {
            var (first, second) = (act.random(for: fault), act.random(for: fault))
            let value = first.next()
            #expect(value == second.next())
            values.insert(value)
        }
        #expect(values.count == faults.count)
    }

    @Test("Faults of an act touch nothing in common, and last as long as the longest may")
    func composition() {
        var sizes: Set<Int> = []
        for act in acts(3, 300) {
            sizes.insert(act.faults.count)
            let touched = act.faults.flatMap { faults[$0].touches }
            #expect(Set(touched).count == touched.count)
            #expect(Set(act.faults).count == act.faults.count)
            let longest = act.faults.compactMap { faults[$0].lasts?.upperBound }.max()
            #expect((act.seconds == nil) == (longest == nil))
            #expect((act.seconds ?? 0) <= longest ?? 0)
            #expect((1...4).contains(act.changes))
        }
        #expect(sizes == [1, 2, 3])
    }

    @Test("No fault begins an act twice before every other one has")
    func dealing() {
        let first = acts(5).map { $0.faults[0] }
        for round in stride(from: 0, to: first.count, by: faults.count) {
            #expect(first[round..<round + faults.count].sorted() == Array(faults.indices))
        }
        #expect(Array(first[0..<6]) != Array(first[6..<12]))
    }

    @Test("The list names acts, faults and times")
    func text() {
        let acts = Acts(seed: 1, [ToyFault("one"), ToyFault("two", lasts: 2...2)])
        let lines = acts.text(2).split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("act 1: "))
        #expect(lines.contains { $0.contains("two") && $0.hasSuffix(", 2.0 s") })
    }
}
