/// The state of one target, for status output and metrics.
package struct HealthStatus: Sendable, Equatable {
    package var target: HealthTarget
    package var verdict: TargetHealth.Verdict
    /// When the verdict last changed.
    package var since: ContinuousClock.Instant
    package var lastProbe: ContinuousClock.Instant?
    /// Duration of the last probe; nil before the first.
    package var lastDuration: Duration?
    /// Why the last unsuccessful probe failed or could not be made; nil after one has passed.
    package var lastError: String?
    package var counters = HealthCounters()

    init(_ target: HealthTarget, at now: ContinuousClock.Instant) {
        self.target = target
        verdict = .unknown
        since = now
    }
}

/// Counts of probe results; never decrease.
package struct HealthCounters: Sendable, Equatable {
    package var probes: UInt64 = 0
    package var failures: UInt64 = 0
    /// Probes that this node could not make; they do not affect the verdict.
    package var impossible: UInt64 = 0
    package var transitions: UInt64 = 0

    package init() {}

    mutating func count(_ result: ProbeResult) {
        probes += 1
        switch result {
        case .passed: break
        case .failed: failures += 1
        case .impossible: impossible += 1
        }
    }
}

/// All targets in numbers.
package struct HealthSummary: Sendable {
    /// Number of targets by verdict; a verdict without targets is absent.
    package var targets: [TargetHealth.Verdict: Int] = [:]
    /// Totals over all targets, including removed ones.
    package var totals: HealthCounters
    package var running: Int
    /// How long the longest overdue target has waited because of `maxConcurrent`.
    package var lag: Duration

    init(totals: HealthCounters, running: Int, lag: Duration) {
        self.totals = totals
        self.running = running
        self.lag = lag
    }
}
