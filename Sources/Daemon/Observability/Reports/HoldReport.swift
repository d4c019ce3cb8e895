import KubernetesClient
import Logging
import PrintableText
import Reconciling

/// Reports the removal guard to log and cluster: one line and one Event when a hold begins, and one of
/// each when it has ended, however the number of Services changes meanwhile.
struct HoldReport {
    struct News {
        var lines: [LogLine] = []
        var events: [ClusterEvent] = []
    }

    /// That of the present hold; nil without one.
    private var event: ClusterEvent?
    private var services = 0

    /// What is new, given the holds that have ended and the present one.
    mutating func update(
        _ hold: MassRemovalGuard.Hold?,
        after endings: [MassRemovalGuard.Ending]
    ) -> News {
        var news = News()
        for ending in endings {
            event = nil
            news.lines.append(Self.line(ending))
            news.events.append(.removalsReleased(ending))
        }
        guard let hold else { return news }
        if let event {
            // The same Event again: its series counts the changes.
            if hold.services != services { news.events.append(event) }
        } else {
            let event = ClusterEvent.removalsHeld(hold)
            self.event = event
            news.lines.append(Self.line(hold))
            news.events.append(event)
        }
        services = hold.services
        return news
    }

    private static func line(_ hold: MassRemovalGuard.Hold) -> LogLine {
        return LogLine(
            .warning,
            "Removal guard holds Services: too many \(hold.cause)",
            [
                "missing": "\(hold.missing)", "deleted": "\(hold.deleted)", "of": "\(hold.total)",
                "seconds": "\(Int((hold.until - hold.since) / .seconds(1)))",
            ]
        )
    }

    private static func line(_ ending: MassRemovalGuard.Ending) -> LogLine {
        LogLine(
            ending.released > 0 ? .warning : .notice,
            "Removal guard holds nothing any more: \(ending.words)",
            [
                "held": "\(ending.held)", "back": "\(ending.returned)",
                "deleted": "\(ending.deleted)", "removed": "\(ending.released)",
                "seconds": "\(Int(ending.lasted / .seconds(1)))",
            ]
        )
    }
}

extension ClusterEvent {
    /// Most Services would go at once, and are kept. The text is the same for any number, so that
    /// it stays one Event while the number changes.
    static func removalsHeld(_ hold: MassRemovalGuard.Hold) -> ClusterEvent {
        return ClusterEvent(
            .warning,
            on: .node,
            reason: "RemovalsHeld",
            action: "KeepServices",
            note: "Too many Services \(hold.cause); they are kept. "
                + "`fairlead status` shows how many and for how long"
        )
    }

    /// The removal guard holds nothing any more.
    static func removalsReleased(_ ending: MassRemovalGuard.Ending) -> ClusterEvent {
        ClusterEvent(
            ending.reason == .expired ? .warning : .normal,
            on: .node,
            reason: "RemovalsReleased",
            action: "ReleaseServices",
            note: "The removal guard holds nothing any more: \(ending.words)"
        )
    }
}

extension MassRemovalGuard.Hold {
    /// Services that are missing without having been deleted.
    var missing: Int { services - deleted }

    fileprivate var cause: String {
        missing > 0 || deleted == 0
            ? "are missing at once without having been deleted" : "were deleted at once"
    }

    /// For status: what is held, and for how long.
    func words(at now: MassRemovalGuard.Instant) -> String {
        let seconds = max(0, Int(((until - now) / .seconds(1)).rounded(.up)))
        var words: [String] = []
        if missing > 0 || deleted == 0 {
            words.append("\(missing) missing from their source without having been deleted")
        }
        if deleted > 0 { words.append("\(deleted) deleted") }
        return
            "holds \(services) of \(counted(total, "Service")), \(words.joined(separator: " and ")); "
            + "ends when they are back, on `fairlead confirm`, or in \(seconds) s"
    }
}

extension MassRemovalGuard.Ending {
    /// How it ended.
    var words: String {
        switch reason {
        case .recovered: "the source has them again"
        case .confirmed: "confirmed by an administrator"
        case .expired: "the hold time is over"
        case .deleted: "the source has deleted them"
        case .outnumbered: "they are no longer most of the Services"
        case .settings: "the settings have changed"
        }
    }
}
