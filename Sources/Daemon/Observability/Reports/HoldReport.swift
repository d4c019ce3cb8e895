import KubernetesClient
import Logging
import Reconciling

/// What log and cluster are to know of the removal guard: one line and one Event when it begins to
/// hold Services, and one of each when it has ended, however many they are meanwhile.
struct HoldReport {
    struct News {
        var lines: [LogLine] = []
        var events: [ClusterEvent] = []
    }

    /// Of the hold that goes on; nil if there is none.
    private var event: ClusterEvent?
    private var services = 0

    /// What there is to tell, now that `endings` have been and `hold` is what is held.
    mutating func taking(
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
        let cause =
            hold.missing > 0 || hold.deleted == 0
            ? "are missing at once without having been deleted" : "were deleted at once"
        return LogLine(
            .warning,
            "Removal guard holds Services: too many \(cause)",
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
    /// Most Services would go at once, and are kept. The same words for any number, so that it is
    /// one Event while the number changes.
    static func removalsHeld(_ hold: MassRemovalGuard.Hold) -> ClusterEvent {
        let cause =
            hold.missing > 0 || hold.deleted == 0
            ? "are missing at once without having been deleted" : "were deleted at once"
        return ClusterEvent(
            .warning,
            on: .node,
            reason: "RemovalsHeld",
            action: "KeepServices",
            note: "Too many Services \(cause); they are kept. "
                + "`fairlead status` tells how many and for how long"
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

    /// For status: what is held, and for how long.
    func words(at now: MassRemovalGuard.Instant) -> String {
        let seconds = max(0, Int(((until - now) / .seconds(1)).rounded(.up)))
        var words: [String] = []
        if missing > 0 || deleted == 0 {
            words.append("\(missing) missing from their source without having been deleted")
        }
        if deleted > 0 { words.append("\(deleted) deleted") }
        return "holds \(services) of \(total) Services, \(words.joined(separator: " and ")); "
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
