package import ServiceModel

/// The verdict on one target from the results of its probes.
///
/// A new target is used at once. It becomes unhealthy after `fall` consecutive failures, and
/// healthy again after `rise` consecutive passes; the first pass of a new target makes it healthy.
package struct TargetHealth: Sendable, Equatable {
    package enum Verdict: String, Sendable {
        /// No conclusive result yet: used.
        case unknown
        case healthy
        case unhealthy
    }

    package private(set) var verdict = Verdict.unknown
    /// When the verdict last changed.
    package private(set) var since: ContinuousClock.Instant
    /// How many consecutive results contradict the verdict.
    package private(set) var contrary = 0

    package init(since: ContinuousClock.Instant) {
        self.since = since
    }

    package var isUsed: Bool { verdict != .unhealthy }

    /// Records a result; true if the verdict changed.
    package mutating func record(
        passed: Bool,
        _ timing: HealthCheck.Timing,
        at now: ContinuousClock.Instant
    ) -> Bool {
        let next: Verdict = passed ? .healthy : .unhealthy
        guard next != verdict else {
            contrary = 0
            return false
        }
        if verdict == .unknown, passed {
            change(to: next, now)
            return true
        }
        contrary += 1
        guard contrary >= (passed ? timing.rise : timing.fall) else { return false }
        change(to: next, now)
        return true
    }

    private mutating func change(to next: Verdict, _ now: ContinuousClock.Instant) {
        verdict = next
        since = now
        contrary = 0
    }
}
