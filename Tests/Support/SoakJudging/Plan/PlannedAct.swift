package import TestSupport

/// What one act consists of, before anything of it has happened.
package struct PlannedAct: Sendable, Equatable {
    /// From 1.
    package let number: Int
    /// Changes of the cluster before the faults.
    package let changes: Int
    /// By their numbers in the list.
    package let faults: [Int]
    /// How long those last that last, all of them together.
    package let seconds: Double?
    /// Of the changes.
    package let seed: UInt64

    /// A fault's own choices: they do not depend on how many changes there were meanwhile.
    package func random(for fault: Int) -> SplitMix64 {
        SplitMix64(seed: Acts.mixed(seed, UInt64(fault) + 1))
    }
}

/// The acts of a run. Each has a seed of its own, so that a seed means the same list of acts however fast the machine
/// is.
///
/// The first faults of acts are dealt like cards: none comes again before all others have come.
package struct Acts {
    private let seed: UInt64
    private let traits: [any FaultTraits]

    package init(seed: UInt64, _ traits: [any FaultTraits]) {
        precondition(!traits.isEmpty)
        self.seed = seed
        self.traits = traits
    }

    /// `number` is from 1.
    package func act(_ number: Int) -> PlannedAct {
        let own = Self.mixed(seed, UInt64(number))
        var random = SplitMix64(seed: own)
        let changes = Int.random(in: 1...4, using: &random)
        let count = [1, 1, 1, 2, 3].randomElement(using: &random) ?? 1
        var chosen: [Int] = []
        for fault in [dealt(number)] + traits.indices.shuffled(using: &random)
        where chosen.count < count {
            let taken = chosen.reduce(into: Set<Touched>()) { $0.formUnion(traits[$1].touches) }
            if !chosen.contains(fault), taken.isDisjoint(with: traits[fault].touches) {
                chosen.append(fault)
            }
        }
        let lengths = chosen.compactMap { traits[$0].lasts }
            .map { Double.random(in: $0, using: &random) }
        return PlannedAct(
            number: number,
            changes: changes,
            faults: chosen,
            seconds: lengths.max(),
            seed: random.next()
        )
    }

    private func dealt(_ number: Int) -> Int {
        let (round, place) = (number - 1).quotientAndRemainder(dividingBy: traits.count)
        // Apart from the seeds of acts.
        var random = SplitMix64(seed: Self.mixed(~seed, UInt64(round)))
        return traits.indices.shuffled(using: &random)[place]
    }

    /// One line for each act.
    package func text(_ count: Int) -> String {
        (1...count).map { number in
            let act = act(number)
            let names = act.faults.map { traits[$0].name }.joined(separator: " + ")
            let tenths = act.seconds.map { Int(($0 * 10).rounded()) }
            let time = tenths.map { ", \($0 / 10).\($0 % 10) s" } ?? ""
            return "act \(number): \(names)\(time)"
        }.joined(separator: "\n")
    }

    /// Neighbours in `number` have nothing in common.
    static func mixed(_ seed: UInt64, _ number: UInt64) -> UInt64 {
        var random = SplitMix64(seed: seed)
        let first = random.next()
        var second = SplitMix64(seed: first ^ number &* 0xd134_2543_de82_ef95)
        return second.next()
    }
}
