import DaemonConfiguration
import Reconciling

extension MassRemovalGuard.Settings {
    init(_ removals: DaemonConfiguration.Removals) {
        self.init(
            fraction: Double(removals.percent) / 100,
            minimum: removals.minimum,
            window: removals.window,
            holdTime: removals.holdTime,
            holdsDeletions: removals.holdDeletions
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
