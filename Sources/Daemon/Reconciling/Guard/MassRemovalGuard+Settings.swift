extension MassRemovalGuard {
    /// When Services are held.
    package struct Settings: Sendable, Equatable {
        /// More than this fraction of the Services has to be lost; 1 never holds.
        package var fraction: Double
        /// And at least this many.
        package var minimum: Int
        /// Losses within this time count together.
        package var window: Duration
        /// How long to wait for the source to recover after the last loss.
        package var holdTime: Duration
        /// Deleted Services count like missing ones.
        package var holdsDeletions: Bool

        package init(
            fraction: Double = 0.5,
            minimum: Int = 10,
            window: Duration = .seconds(30),
            holdTime: Duration = .seconds(600),
            holdsDeletions: Bool = false
        ) {
            self.fraction = fraction
            self.minimum = minimum
            self.window = window
            self.holdTime = holdTime
            self.holdsDeletions = holdsDeletions
        }
    }

    /// The present hold.
    package struct Hold: Sendable, Equatable {
        package var since: Instant
        /// When it ends at the latest.
        package var until: Instant
        /// Services that are held.
        package var services: Int
        /// Those of them that were deleted; 0 unless `holdsDeletions`. The rest is missing.
        package var deleted: Int
        /// Services that serve, those that are held among them.
        package var total: Int
    }

    /// How a hold ended.
    package struct Ending: Sendable, Equatable {
        package enum Reason: Sendable {
            /// The source has enough of them again.
            case recovered
            case confirmed
            /// `holdTime` is over.
            case expired
            /// They were deleted while they were held.
            case deleted
            /// Other Services were added, and the missing ones are too few for a hold.
            case outnumbered
            /// The settings changed, and the new ones do not hold them.
            case settings
        }

        package var reason: Reason
        package var lasted: Duration
        /// The most Services that were held at one time.
        package var held: Int
        /// Services that came back while the others were held.
        package var returned: Int
        /// Services that were deleted meanwhile.
        package var deleted: Int
        /// Services that were released at the end.
        package var released: Int
    }

    /// What has happened during a hold.
    struct Story: Sendable {
        var most = 0
        var returned = 0
        var deleted = 0

        /// Why it is over if it was not ended.
        var reason: Ending.Reason {
            if returned > 0 { return .recovered }
            return deleted > 0 ? .deleted : .outnumbered
        }
    }
}
