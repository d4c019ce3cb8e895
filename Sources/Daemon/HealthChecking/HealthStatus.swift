/// One target as it stands, for people and metrics.
package struct HealthStatus: Sendable, Equatable {
    package var target: HealthTarget
    package var verdict: HealthState.Verdict
    /// When the verdict came to be.
    package var since: ContinuousClock.Instant
    package var lastProbe: ContinuousClock.Instant?
    /// How long the last probe took; nil before the first.
    package var lastDuration: Duration?
    /// Why the last probe that failed or could not be made did so; nil once one has passed.
    package var lastError: String?
    package var counters = HealthCounters()

    init(_ target: HealthTarget, at now: ContinuousClock.Instant) {
        self.target = target
        verdict = .unknown
        since = now
    }
}

/// What probes came to; grows only.
package struct HealthCounters: Sendable, Equatable {
    package var probes: UInt64 = 0
    package var failures: UInt64 = 0
    /// Probes that this node could not make; they count for and against nobody.
    package var impossible: UInt64 = 0
    /// Changes of verdict.
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
    /// How many there are by verdict; a verdict without any is absent.
    package var targets: [HealthState.Verdict: Int] = [:]
    /// Over all targets there ever were.
    package var totals: HealthCounters
    package var running: Int
    /// For how long the longest overdue target has waited because of `maxConcurrent`.
    package var lag: Duration

    init(totals: HealthCounters, running: Int, lag: Duration) {
        self.totals = totals
        self.running = running
        self.lag = lag
    }
}
