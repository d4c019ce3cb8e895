import Addressing
import Dataplane
import DataplaneModel
import Logging
import Reconciling

/// Failed passes in the log: a failure of one family is said at once, again at growing intervals while it
/// repeats or when it is another, and when it is over.
struct PassFailureLog: Sendable {
    typealias Instant = ContinuousClock.Instant

    private static let firstPause = Duration.seconds(60)
    private static let longestPause = Duration.seconds(3600)

    private struct Streak {
        var error: DataplaneError
        let start: Instant
        var count = 0
        var pause = PassFailureLog.firstPause
        /// When it is said again.
        var next: Instant
    }

    private var streaks: [IPFamily: Streak] = [:]

    /// The lines of a pass that ended at `now`.
    mutating func lines(_ report: PassReport, at now: Instant) -> [LogLine] {
        report.families.filter { !$0.isDeferred }.compactMap { family in
            guard let error = family.error else { return end(family.family, at: now) }
            return note(error, family.family, isLast: report.isLast, at: now)
        }
    }

    private mutating func note(
        _ error: DataplaneError,
        _ family: IPFamily,
        isLast: Bool,
        at now: Instant
    ) -> LogLine? {
        var streak = streaks[family] ?? Streak(error: error, start: now, next: now)
        streak.count += 1
        defer { streaks[family] = streak }
        if Self.sort(error) != Self.sort(streak.error) {
            (streak.error, streak.pause, streak.next) = (error, Self.firstPause, now)
        }
        guard streak.next <= now else { return nil }
        streak.next = now + streak.pause
        streak.pause = min(streak.pause * 2, Self.longestPause)
        var metadata = ["error": "\(PassReport.Failure(family, error))"]
        metadata["cure"] = error.cure
        if streak.count > 1 { metadata.merge(Self.extent(streak, now)) { $1 } }
        if isLast {
            return LogLine(
                .warning,
                "Pass failed as the daemon is ending; the rules stay",
                metadata
            )
        }
        return LogLine(.error, "Pass failed, will retry", metadata)
    }

    private mutating func end(_ family: IPFamily, at now: Instant) -> LogLine? {
        guard let streak = streaks.removeValue(forKey: family) else { return nil }
        var metadata = Self.extent(streak, now)
        metadata["family"] = family.rawValue
        return LogLine(.notice, "Passes succeed again", metadata)
    }

    /// Who holds a lock may be another one each time.
    private static func sort(_ error: DataplaneError) -> DataplaneError {
        var sort = error
        if error.kind == .locked { sort.message = nil }
        return sort
    }

    private static func extent(_ streak: Streak, _ now: Instant) -> [String: String] {
        ["failures": "\(streak.count)", "seconds": "\((now - streak.start).components.seconds)"]
    }
}
