package import DaemonConfiguration

/// When the daemon looks whether its parts are alive, and shows that it is.
///
/// Pure: the caller brings the time. That is often while something happens or is waited for. At rest it is
/// rare, because nothing depends on it then: the kernel is watched on the dataplane's thread, and what readers
/// of health, metrics and status want to know is asked when they come.
package struct Pulse: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// The time between two ticks at rest.
    package static let restInterval = Duration.seconds(10)
    /// How long after the last news rest begins: what a pass has left to others has its results by then.
    package static let settling = Duration.seconds(3)

    private let watchdog: Duration?
    private var lastNews: Instant
    /// When the last tick came.
    package var last: Instant

    /// `watchdog` is the interval of the service manager, if it watches.
    package init(watchdog: Duration?, start: Instant) {
        self.watchdog = watchdog
        (lastNews, last) = (start, start)
    }

    package mutating func news(at now: Instant) { lastNews = now }

    /// When the next tick is due, `now` at the earliest; with `isWaiting` the time itself may change
    /// something.
    package func next(
        _ settings: DaemonConfiguration.Reconcile,
        isWaiting: Bool,
        at now: Instant
    ) -> Instant {
        let often = within(watchdog, min(settings.driftCheckInterval, .seconds(1)))
        let rests = !isWaiting && now - lastNews >= Self.settling
        guard rests else { return max(now, last + often) }
        // Well before the daemon counts as hung.
        let rarely = min(Self.restInterval, settings.silenceLimit / 3)
        return max(now, last + max(often, within(watchdog, rarely)))
    }

    /// A service manager hears at least three signs of life in its interval.
    private func within(_ watchdog: Duration?, _ interval: Duration) -> Duration {
        watchdog.map { min(interval, $0 / 3) } ?? interval
    }
}

extension DaemonConfiguration.Reconcile {
    /// How long a change may wait, or the daemon be silent, before it counts as unhealthy: kube-proxy's
    /// 2 × sync period, which is the time to the next try after a failure.
    package var silenceLimit: Duration { max(maxRetryInterval * 2, .seconds(10)) }
}
