import NamespaceLab
import SoakJudging
import TestSupport

/// Act after act: some faults and changes at the same time, and then quiet until all is right again.
struct SoakRun {
    /// How long it may take until all is right, or the run ends.
    private static let patience = Duration.seconds(90)

    private let node: SoakNode
    private let seed: UInt64
    private let known: [any SoakFault]
    private let acts: Acts
    private var ledger: Ledger
    private var report: SoakReport
    private var usages: [Usage] = []

    init(_ node: SoakNode, seed: UInt64, _ known: [any SoakFault]) {
        self.node = node
        self.seed = seed
        self.known = known
        acts = Acts(seed: seed, known)
        ledger = Ledger(
            targets: (0..<SoakService.count).map { SoakService(number: $0).targets },
            slowness: Machine.slowness
        )
        report = SoakReport(slowness: Machine.slowness)
    }

    mutating func run(for time: Duration) async throws -> SoakReport {
        let began = ContinuousClock.now
        var number = 0
        while began + time > .now || !isJudged && began + time * 3 > .now {
            number += 1
            // Later acts leave the daemon its process, so that what it gathers shows.
            let isLate = began + time * 2 / 3 < .now
            guard try await act(acts.act(number), endsProcess: !isLate) else { break }
        }
        var summary = try await settle()
        summary.minutes = (ContinuousClock.now - began) / Duration.seconds(60)
        report.finish(summary, ledger)
        return report
    }

    /// Whether the process that runs has lived long enough to tell what it gathers.
    private var isJudged: Bool {
        Growth.isEnough(usages.count { $0.process == node.daemon.pid })
    }

    /// After the last act: what is under way comes to its end, and what is left then counts.
    private mutating func settle() async throws -> SoakReport.Summary {
        // Connections last so long.
        try await Task.sleep(for: .seconds(6))
        node.stopClients()
        try await Task.sleep(for: .seconds(2))
        try judge()
        var summary = SoakReport.Summary()
        summary.mode = node.mode.rawValue
        summary.seed = seed
        summary.changes = node.cluster.changes
        summary.logLines = node.log.count { $0 == "\n" }
        summary.ends = node.daemon.unexpectedEnds
        summary.kills = node.kills
        summary.staleFlows = StaleFlows.find(
            in: try node.udpFlows(),
            frontends: SoakService.udpFrontends,
            endpoints: SoakService.udpEndpoints,
            node.cluster.truth
        )
        summary.growth = node.daemon.usage().flatMap { Growth(usages, settled: $0) }
        return summary
    }

    /// False if not all was right again in time.
    private mutating func act(_ planned: PlannedAct, endsProcess: Bool) async throws -> Bool {
        let taking = planned.faults.filter { endsProcess || !known[$0].endsProcess }
        var faults = taking.isEmpty ? [NoFault()] : taking.map { known[$0] }
        var choices = taking.isEmpty ? [SplitMix64(seed: 0)] : taking.map(planned.random(for:))
        let name = faults.map(\.name).joined(separator: " + ")
        var random = SplitMix64(seed: planned.seed)
        var window = Ledger.Window(name, start: MonotonicClock.microseconds)
        for _ in 0..<planned.changes { try await change(&random) }
        let order = Self.order(faults)
        for index in order {
            window.begin(faults[index], at: MonotonicClock.microseconds)
            try await faults[index].begin(node, &choices[index])
        }
        var caused = MonotonicClock.microseconds
        if let seconds = planned.seconds, faults.contains(where: { $0.lasts != nil }) {
            let end = Deadline(in: .seconds(seconds))
            while !end.hasPassed { try await change(&random) }
            for index in order.reversed() where faults[index].lasts != nil {
                try await faults[index].end(node)
            }
            caused = MonotonicClock.microseconds
        }
        return try close(planned.number, faults, window, caused: caused)
    }

    /// In which they begin; they end the other way around. The clock moves last: while it is wrong, the server's certificate
    /// is valid for nobody, and faults of the server wait for a request.
    private static func order(_ faults: [any SoakFault]) -> [Int] {
        let clocks = faults.indices.filter { faults[$0].touches.contains(.clock) }
        return faults.indices.filter { !clocks.contains($0) } + clocks
    }

    /// Waits until all is right after an act, and judges it. False if that takes too long.
    private mutating func close(
        _ number: Int,
        _ faults: [any SoakFault],
        _ open: Ledger.Window,
        caused: Int
    ) throws -> Bool {
        var window = open
        let right = try node.waitUntilRight(Self.patience)
        window.end = right ?? MonotonicClock.microseconds
        ledger.add(window)
        try judge()
        for fault in faults { report.note(fault.name, miss: fault.miss) }
        guard let right else {
            say("act \(number): \(window.name): not right in time")
            report.addUnrepaired(window.name, node.difference())
            return false
        }
        let time = max(0, right - caused)
        report.add(
            faults,
            repair: time,
            outage: window.broken == nil ? nil : ledger.outage
        )
        if let usage = node.daemon.usage() { usages.append(usage) }
        say(
            "act \(number): \(window.name): right after \(time / 1000) ms; \(ledger.made) connections, \(ledger.failed.count) failed"
        )
        for fault in faults {
            if let miss = fault.miss {
                say("  \(fault.name): no effect: \(miss)")
            } else if let note = fault.note {
                say("  \(fault.name): \(note)")
            }
        }
        return true
    }

    private func change(_ random: inout SplitMix64) async throws {
        node.cluster.change(&random)
        try await Task.sleep(for: .milliseconds(Int.random(in: 5...250, using: &random)))
    }

    private mutating func judge() throws {
        for client in node.clients {
            for outcome in try client.take() {
                if let complaint = ledger.judge(outcome, node.cluster.truth) {
                    say("  " + complaint)
                }
            }
        }
    }
}
