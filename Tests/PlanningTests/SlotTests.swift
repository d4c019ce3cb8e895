import Addressing
import ServiceModel
import TestSupport
import Testing

@testable import Planning

/// How numbers and slots are given out: by content alone, and with little disturbance.
@Suite("Numbers and slots")
struct SlotTests {
    private func endpoint(_ number: Int) -> SocketAddress {
        guard let port = PortNumber(8080) else { preconditionFailure("a constant is invalid") }
        return SocketAddress(IPAddress(ipv4: 0x0ab4_0000 + UInt32(number)), port)
    }

    private func shares(
        _ numbers: some Sequence<Int>,
        weight: Int = 1
    ) -> [(endpoint: SocketAddress, weight: Int)] {
        numbers.map { (endpoint: endpoint($0), weight: weight) }
    }

    @Test("Numbers do not depend on the order in which keys came and went", arguments: 1...20)
    func numbers(_ seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        func table() -> NumberTable<Int> {
            // So small that keys often want the same place.
            NumberTable(count: 40) { Mix64.mix(UInt64($0)) }
        }
        var grown = table()
        var present: Set<Int> = []
        for _ in 0..<200 {
            let old = Set(present.filter { _ in Int.random(in: 0..<6, using: &random) == 0 })
            let new = Set(
                (0..<4).map { _ in Int.random(in: 0..<60, using: &random) }.prefix(
                    36 - present.count
                )
            )
            let before = grown.numbers
            let moved = grown.update(removing: old, adding: new)
            present = present.subtracting(old.subtracting(new)).union(new)
            var fresh = table()
            _ = fresh.update(removing: [], adding: present)
            #expect(grown.numbers == fresh.numbers)
            let differing = Set(before.keys).union(grown.numbers.keys).filter {
                before[$0] != grown.numbers[$0]
            }
            #expect(moved == differing)
            #expect(grown.numbers.allSatisfy { grown.key(of: $0.value) == $0.key })
        }
    }

    @Test("When all numbers are taken the rest goes without, and the table still answers")
    func full() {
        var table = NumberTable<Int>(count: 5) { UInt64($0) }
        _ = table.update(removing: [], adding: Set(0..<8))
        #expect(table.numbers.count == 5)
        _ = table.update(removing: Set(0..<8), adding: [])
        #expect(table.numbers.isEmpty)
    }

    @Test(
        "Every endpoint has as many slots as its weight",
        arguments: [1, 2, 3, 10, 33, 64, 65, 500]
    )
    func weights(_ count: Int) {
        let all = (0..<count).map { (endpoint: endpoint($0), weight: $0 % 3 + 1) }
        let slots = SlotPlacement.slots(all)
        #expect(slots.count == all.reduce(0) { $0 + $1.weight })
        for share in all { #expect(slots.count { $0 == share.endpoint } == share.weight) }
        #expect(SlotPlacement.slots(all.reversed()) == slots)
    }

    @Test("One endpoint less moves few of the others", arguments: [10, 50, 200, 1000])
    func disturbance(_ count: Int) {
        let before = SlotPlacement.slots(shares(0..<count))
        var moves = 0
        let rounds = 20
        for round in 0..<rounds {
            let gone = round * count / rounds
            let after = SlotPlacement.slots(shares((0..<count).filter { $0 != gone }))
            moves += zip(before, after).count { $0 != $1 }
        }
        // Moving all behind the gap would be half of them on average.
        #expect(moves / rounds <= min(count / 2, 60), "\(moves / rounds) of \(count)")
    }

    @Test("Hashed clients keep their endpoint when another one goes", arguments: [3, 10, 100])
    func hashing(_ count: Int) {
        let before = HashSlots.slots(shares(0..<count))
        #expect(before.count == HashSlots.count(for: count))
        let ideal = Double(before.count) / Double(count)
        for number in 0..<count {
            let own = Double(before.count { $0 == endpoint(number) })
            #expect(abs(own - ideal) <= 1, "fair to one slot")
        }
        let after = HashSlots.slots(shares((0..<count).filter { $0 != 1 }))
        guard after.count == before.count else { return }
        let moved = zip(before, after).count { $0 != endpoint(1) && $0 != $1 }
        #expect(Double(moved) <= 0.1 * Double(before.count), "\(moved) of \(before.count)")
    }

    @Test(
        "Hashed clients are spread by weight, however great weights are",
        arguments: [
            [1, 1], [100, 100], [101, 100, 100, 100, 100], [65535, 32768], [2000, 999], [301, 100],
            [4000, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8], Array(repeating: 150, count: 25),
        ]
    )
    func hashingByWeight(_ weights: [Int]) {
        let all = weights.enumerated().map { (endpoint: endpoint($0), weight: $1) }
        let slots = HashSlots.slots(all)
        let sum = weights.reduce(0, +)
        for share in all {
            let own = slots.count { $0 == share.endpoint }
            #expect(own >= 1)
            let ideal = Double(slots.count) * Double(share.weight) / Double(sum)
            #expect(abs(Double(own) - ideal) <= 2, "\(own) slots, \(ideal) wanted")
        }
    }
}
