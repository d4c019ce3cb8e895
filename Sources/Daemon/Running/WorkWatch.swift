import SystemCalls

/// Judges whether a thread that is busy for long gets on with its work, or is stuck.
///
/// Pure: the caller brings the time.
struct WorkWatch {
    typealias Instant = ContinuousClock.Instant

    /// For how long computing alone counts as getting on: a loop without end computes, too.
    private let patience: Duration
    private var last: ThreadProgress.Sign
    private var lastStep: Instant

    /// `watchdog` is the service manager's interval, if it watches.
    init(_ sign: ThreadProgress.Sign, watchdog: Duration?, at now: Instant) {
        patience = (watchdog ?? .seconds(30)) * 10
        (last, lastStep) = (sign, now)
    }

    /// How often to look.
    static func interval(watchdog: Duration?) -> Duration {
        watchdog.map { min($0 / 4, .seconds(1)) } ?? .seconds(1)
    }

    /// Whether the thread got on since the last call.
    mutating func getsOn(_ sign: ThreadProgress.Sign, at now: Instant) -> Bool {
        defer { last = sign }
        guard sign.steps == last.steps else {
            lastStep = now
            return true
        }
        return sign.work > last.work && now - lastStep < patience
    }
}
