/// Reports once what the daemon waits for, and again when that changes.
struct WaitingNotice {
    private var since: ContinuousClock.Instant?
    private var reported: String?
    /// Shorter waits are not reported.
    private static let patience = Duration.seconds(3)

    /// `reason` is what the daemon waits for at `now`, or nil; returns what to report, or nil.
    mutating func report(_ reason: String?, at now: ContinuousClock.Instant) -> String? {
        guard let reason else {
            self = WaitingNotice()
            return nil
        }
        let began = since ?? now
        since = began
        guard now - began >= Self.patience, reason != reported else { return nil }
        reported = reason
        return reason
    }
}
