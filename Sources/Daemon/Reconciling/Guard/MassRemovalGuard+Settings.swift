extension MassRemovalGuard {
    /// When to hold.
    package struct Settings: Sendable, Equatable {
        /// More than this part of the Services has to be lost; 1 never holds.
        package var fraction: Double
        /// And at least so many.
        package var minimum: Int
        /// Losses this close together count as one.
        package var window: Duration
        /// How long to wait for the source to recover after the last loss.
        package var holdTime: Duration
        /// Deletions count like what is missing.
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

    /// What is held, for people.
    package struct Hold: Sendable, Equatable {
        package var since: Instant
        /// When it ends unless something else ends it.
        package var until: Instant
        /// Services that are held.
        package var services: Int
        /// Those of them that were deleted; 0 unless `holdsDeletions`. The rest is missing.
        package var deleted: Int
        /// Services that serve, those that are held among them.
        package var total: Int
    }

    /// How a hold ended, for people.
    package struct Ending: Sendable, Equatable {
        package enum Reason: Sendable {
            /// The source has so many of them again that the rest is no longer suspicious.
            case recovered
            case confirmed
            /// `holdTime` is over.
            case expired
            /// They were deleted while they were held.
            case deleted
            /// So many other Services have come that these are no longer most of them.
            case outnumbered
            /// Other settings would not have held them.
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
        /// Services that were let go at the end.
        package var released: Int
    }

    /// What has come of a hold so far.
    struct Story: Sendable {
        var most = 0
        var returned = 0
        var deleted = 0

        /// Why it is over if nobody ended it.
        var reason: Ending.Reason {
            if returned > 0 { return .recovered }
            return deleted > 0 ? .deleted : .outnumbered
        }
    }
}
