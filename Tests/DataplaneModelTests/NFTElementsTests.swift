import Addressing
import DataplaneModel
import TestSupport
import Testing

@Suite("Elements of a set")
struct NFTElementsTests {
    /// Keys of one to five words, some of them ranges, that often occur again.
    private func key(_ random: inout SplitMix64) -> NFTValue {
        let number = UInt32.random(in: 0..<60, using: &random)
        switch UInt8.random(in: 0..<8, using: &random) {
        case 0: return NFTValue(IPAddress(family: .ipv6, bits: UInt128(number) << 100))
        case 1:
            let address = IPAddress(family: .ipv6, bits: .max - UInt128(number))
            return NFTValue(address).appending(address).appending(.tcp)
        case 2:
            let address = IPAddress(ipv4: number << 24)
            let length = Int.random(in: 8...32, using: &random)
            return NFTValue(number).appending(IPPrefix(address, length: length))
        default: return NFTValue(number)
        }
    }

    private func data(_ random: inout SplitMix64) -> NFTData {
        let number = UInt32.random(in: 0..<3, using: &random)
        switch UInt8.random(in: 0..<8, using: &random) {
        case 0: return .none
        case 1: return .verdict(number == 0 ? .accept : .goto(NFTChainName("chain-\(number)")))
        case 2: return .value(NFTValue(IPAddress(family: .ipv6, bits: UInt128(number) << 90)))
        case 3:
            let range = IPPrefix(IPAddress(ipv4: number << 24), length: 8)
            return .value(NFTValue(number).appending(range))
        default: return .value(NFTValue(number, 80))
        }
    }

    @Test("A run has each element of a set once, in pieces too", arguments: [1, 2, 3] as [UInt64])
    func run(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for hasVerdicts in [false, true] {
            var elements = NFTElements()
            for _ in 0..<200 {
                let number = UInt32.random(in: 0..<150, using: &random)
                elements.set(NFTValue(number), .value(NFTValue(number, 80)))
            }
            if hasVerdicts { elements.set(NFTValue(1000), .verdict(.accept)) }
            let set = NFTSet(NFTSetName("x"), NFTSetShape([.number]), elements: elements)
            var rest = NFTElementRun(of: set)
            #expect(rest == NFTElementRun(of: set))
            #expect(rest.count == elements.count)
            var taken: [NFTElement] = []
            while !rest.isEmpty {
                let before = rest.count
                var piece = rest.take(Int.random(in: 1...40, using: &random))
                #expect(piece.count + rest.count == before)
                while let element = piece.popFirst() { taken.append(element) }
                #expect(piece.isEmpty)
            }
            #expect(rest.popFirst() == nil)
            #expect(taken.sorted { $0.key < $1.key } == elements.sorted())
        }
    }

    @Test("A run of a set with ranges is sorted")
    func sortedRun() {
        var elements = NFTElements()
        for number in UInt32(0)..<50 {
            let range = IPPrefix(IPAddress(ipv4: number << 24), length: 8)
            elements.set(NFTValue(50 - number).appending(range), NFTData.none)
        }
        let shape = NFTSetShape([.number, .address], isInterval: true)
        let set = NFTSet(NFTSetName("x"), shape, elements: elements)
        var run = NFTElementRun(of: set)
        var taken: [NFTElement] = []
        while let element = run.popFirst() { taken.append(element) }
        #expect(taken == elements.sorted())
    }

    @Test("They hold what a dictionary holds", arguments: [1, 2, 3, 4] as [UInt64])
    func dictionary(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var elements = NFTElements()
        var expected: [NFTValue: NFTData] = [:]
        var before: (NFTElements, [NFTValue: NFTData]) = ([:], [:])
        for step in 0..<6000 {
            // Growing, shrinking and empty in turn.
            let removes = UInt32.random(in: 0..<10, using: &random) < (step / 300 % 2 == 0 ? 3 : 8)
            let key = key(&random)
            let data: NFTData? = removes ? nil : data(&random)
            #expect(elements.set(key, data) == expected[key])
            expected[key] = data
            #expect(elements[key] == data)
            guard step % 50 == 0 else { continue }
            expectEqual(elements, expected)
            var from = NFTSet(NFTSetName("x"), NFTSetShape([.number]), elements: before.0)
            let to = NFTSet(NFTSetName("x"), NFTSetShape([.number]), elements: elements)
            let diff = NFTablesDiff(
                from: NFTablesState(chains: [], sets: [from]),
                to: NFTablesState(chains: [], sets: [to])
            )
            #expect(diff.isEmpty == (before.1 == expected))
            from.elements = apply(diff, to: before.1)
            #expect(from.elements == to.elements)
            before = (elements, expected)
        }
        for key in expected.keys { elements[key] = nil }
        #expect(elements.isEmpty)
        expectEqual(elements, [:])
    }

    private func apply(_ diff: NFTablesDiff, to old: [NFTValue: NFTData]) -> NFTElements {
        var result = NFTElements(uniqueKeysWithValues: old.map { ($0, $1) })
        for case .update(let update) in diff.sets {
            for element in update.added {
                #expect(result.set(element.key, element.data) == nil)
            }
            for element in update.removed {
                #expect(result.set(element.key, nil) == element.data)
            }
            for change in update.replaced {
                #expect(result.set(change.key, change.new) == change.old)
            }
            #expect(update.added.map(\.key) == update.added.map(\.key).sorted())
        }
        return result
    }

    private func expectEqual(_ elements: NFTElements, _ expected: [NFTValue: NFTData]) {
        #expect(elements.count == expected.count)
        #expect(elements.isEmpty == expected.isEmpty)
        #expect(Dictionary(uniqueKeysWithValues: elements.map { ($0, $1) }) == expected)
        #expect(elements.sorted().map(\.key) == expected.keys.sorted())
        #expect(elements.sorted().allSatisfy { expected[$0.key] == $0.data })
        #expect(elements == NFTElements(uniqueKeysWithValues: expected.map { ($0, $1) }))
    }

    @Test("What is read of a planned set is found as it is", arguments: UInt64(1)...40)
    func comparison(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let hasVerdicts = seed % 4 == 0
        var planned = NFTElements()
        for number in UInt32(0)..<40 {
            planned.set(NFTValue(number), .value(NFTValue(number, 80)))
        }
        if hasVerdicts { planned.set(NFTValue(1000), .verdict(.accept)) }
        var present = planned
        if seed % 2 == 0 {
            for _ in 0..<3 {
                let number = UInt32.random(in: 0..<50, using: &random)
                let isGone = UInt8.random(in: 0..<2, using: &random) == 0
                present.set(NFTValue(number), isGone ? nil : .value(NFTValue(number, 81)))
            }
        }
        var comparison = NFTElementComparison(to: planned)
        for (key, data) in present.shuffled(using: &random) {
            for _ in 1...Int.random(in: 1...2, using: &random) {
                comparison.add(NFTElement(key, data))
            }
        }
        #expect(comparison.elements == present)
        expectEqual(comparison.elements, Dictionary(uniqueKeysWithValues: present.map { ($0, $1) }))
    }

    @Test("A copy stays as it was, whatever becomes of the original")
    func copies() {
        var elements: NFTElements = [NFTValue(1): .value(NFTValue(2))]
        let copy = elements
        elements[NFTValue(1)] = .value(NFTValue(3))
        elements[NFTValue(4)] = .value(NFTValue(5))
        #expect(copy == [NFTValue(1): .value(NFTValue(2))])
        #expect(elements == [NFTValue(1): .value(NFTValue(3)), NFTValue(4): .value(NFTValue(5))])
        #expect(elements != copy)
    }

    @Test("Filling one from another takes time in proportion, in whatever order it comes")
    func copying() {
        var elements = NFTElements()
        for number in 0..<UInt32(100_000) { elements.set(NFTValue(number), NFTData.none) }
        // Quadratic if both had their keys in the same order.
        let copy = NFTElements(uniqueKeysWithValues: elements.map { ($0, $1) })
        #expect(copy == elements)
        #expect(copy.sorted().map(\.key) == (0..<100_000).map { NFTValue(UInt32($0)) })
    }
}
