import NamespaceLab
import TestSupport

/// Act after act: some faults and changes at the same time, and then quiet until all is right again.
struct SoakRun {
    /// How long it may take until all is right.
    private static let patience = Duration.seconds(90)

    private let node: SoakNode
    private let seed: UInt64
    private var random: SplitMix64
    private let known: [any SoakFault]
    private var ledger = Ledger()
    private var report = SoakReport()
    private var samples: [[SoakDaemon.Sample]] = [[]]

    init(_ node: SoakNode, seed: UInt64, only names: Set<String>) {
        self.node = node
        self.seed = seed
        random = SplitMix64(seed: seed)
        known = FaultList.all(for: node.mode).filter { names.isEmpty || names.contains($0.name) }
    }

    mutating func run(for time: Duration) async throws -> SoakReport {
        let began = ContinuousClock.now
        // One is needed to know that it works without faults.
        var number = 0
        while began + time > .now {
            number += 1
            // Later acts leave the daemon its process, so that what it gathers shows.
            let isLate = began + time * 2 / 3 < .now
            try await act(number, endsProcess: !isLate)
        }
        // Connections that are under way.
        let end = Deadline(in: .seconds(6))
        while !end.hasPassed { try await Task.sleep(for: .milliseconds(100)) }
        try judge()
        let minutes = (ContinuousClock.now - began) / Duration.seconds(60)
        report.finish(node, ledger, seed: seed, minutes: minutes, samples: samples)
        return report
    }

    private mutating func act(_ number: Int, endsProcess: Bool) async throws {
        var faults = choose(endsProcess: endsProcess)
        let name = faults.map(\.name).joined(separator: " + ")
        var window = Ledger.Window(
            start: MonotonicClock.microseconds,
            end: .max,
            broken: nil,
            name: name
        )
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            try await change()
        }
        for index in faults.indices {
            if faults[index].breaks, window.broken == nil {
                window.broken = MonotonicClock.microseconds
            }
            try await faults[index].begin(node, &random)
        }
        var caused = MonotonicClock.microseconds
        let longest = faults.compactMap { $0.lasts }.map { Double.random(in: $0, using: &random) }
        if let seconds = longest.max() {
            let end = Deadline(in: .seconds(seconds))
            while !end.hasPassed { try await change() }
            for index in faults.indices.reversed() where faults[index].lasts != nil {
                try await faults[index].end(node)
            }
            caused = MonotonicClock.microseconds
        }
        guard let right = try node.waitUntilRight(Self.patience) else {
            report.unrepaired.append("\(name):\n\(node.difference())")
            throw SoakFailure("act \(number), \(name): not right in time\n\(node.difference())")
        }
        window.end = MonotonicClock.microseconds
        ledger.add(window)
        try judge()
        let time = max(0, right - caused)
        report.add(
            name,
            faults.count,
            repair: time,
            outage: window.broken == nil ? nil : ledger.outage
        )
        sample()
        say(
            "act \(number): \(name): right after \(time / 1000) ms; \(ledger.made) connections, \(ledger.failed.count) failed"
        )
    }

    /// One, or two or three that do not touch the same.
    private mutating func choose(endsProcess: Bool) -> [any SoakFault] {
        let count = [1, 1, 1, 2, 3].randomElement(using: &random) ?? 1
        var chosen: [any SoakFault] = []
        let possible = known.filter { endsProcess || !$0.endsProcess }
        for fault in possible.shuffled(using: &random) where chosen.count < count {
            let taken = chosen.reduce(into: Set<Touched>()) { $0.formUnion($1.touches) }
            if taken.isDisjoint(with: fault.touches) { chosen.append(fault) }
        }
        return chosen.isEmpty ? [NoFault()] : chosen
    }

    private mutating func change() async throws {
        node.cluster.change(&random)
        try await Task.sleep(for: .milliseconds(Int.random(in: 5...250, using: &random)))
    }

    private mutating func judge() throws {
        for client in node.clients {
            for outcome in try client.take() {
                if let complaint = ledger.judge(outcome, node.cluster) { say("  " + complaint) }
            }
        }
    }

    /// One list of samples for each process.
    private mutating func sample() {
        guard let sample = node.daemon.sample() else { return }
        if samples[samples.count - 1].last.map({ $0.process != sample.process }) ?? false {
            samples.append([])
        }
        samples[samples.count - 1].append(sample)
    }
}
