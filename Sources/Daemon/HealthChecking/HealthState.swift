package import ServiceModel

/// What is thought of one target, by the results of its probes.
///
/// A new target is in use at once. It becomes unhealthy by `fall` failures in a row, and healthy
/// again by `rise` passes in a row; the first pass of a new one makes it known as healthy.
package struct HealthState: Sendable, Equatable {
    /// A verdict.
    package enum Verdict: String, Sendable {
        /// No result yet that says anything: used.
        case unknown
        case healthy
        case unhealthy
    }

    package private(set) var verdict = Verdict.unknown
    /// When the verdict came to be.
    package private(set) var since: ContinuousClock.Instant
    /// How many results in a row speak against the verdict.
    package private(set) var contrary = 0

    package init(since: ContinuousClock.Instant) {
        self.since = since
    }

    package var isUsed: Bool { verdict != .unhealthy }

    /// Takes in a result; true if the verdict changed.
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
