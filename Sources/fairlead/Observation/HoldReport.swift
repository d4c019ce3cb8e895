import KubernetesClient
import Logging
import Reconciling

/// What log and cluster are to know of the removal guard: one line and one Event when it begins to
/// hold Services, and one of each when it has ended, however many they are meanwhile.
struct HoldReport {
    struct Line {
        var level: Logger.Level
        var message: String
        var metadata: Logger.Metadata
    }

    struct News {
        var lines: [Line] = []
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

    private static func line(_ hold: MassRemovalGuard.Hold) -> Line {
        let cause =
            hold.missing > 0 || hold.deleted == 0
            ? "are missing at once without having been deleted" : "were deleted at once"
        return Line(
            level: .warning,
            message: "Removal guard holds Services: too many \(cause)",
            metadata: [
                "missing": "\(hold.missing)", "deleted": "\(hold.deleted)", "of": "\(hold.total)",
                "seconds": "\(Int((hold.until - hold.since) / .seconds(1)))",
            ]
        )
    }

    private static func line(_ ending: MassRemovalGuard.Ending) -> Line {
        Line(
            level: ending.released > 0 ? .warning : .notice,
            message: "Removal guard holds nothing any more: \(ending.words)",
            metadata: [
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
