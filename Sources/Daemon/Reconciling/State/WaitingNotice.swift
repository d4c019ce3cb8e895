/// Says once what the daemon waits for, and again when it waits for something else.
struct WaitingNotice {
    private var since: ContinuousClock.Instant?
    private var reported: String?
    /// Most waits are shorter, and not worth a line.
    private static let patience = Duration.seconds(3)

    /// `reason` is what is waited for at `now`, nil if nothing is; returns what is to be reported.
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
