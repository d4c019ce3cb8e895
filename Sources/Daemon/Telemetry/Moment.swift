import FoundationEssentials

/// A time on both the monotonic and the wall clock.
package struct Moment: Sendable, Equatable {
    package var instant: ContinuousClock.Instant
    /// Seconds since 1970.
    package var wall: Double

    package init(instant: ContinuousClock.Instant, wall: Double) {
        self.instant = instant
        self.wall = wall
    }

    package static var now: Moment {
        Moment(instant: .now, wall: Date().timeIntervalSince1970)
    }

    /// This moment plus a duration, on both clocks.
    package func advanced(by duration: Duration) -> Moment {
        Moment(instant: instant.advanced(by: duration), wall: wall + duration.inSeconds)
    }

    /// Seconds from an earlier moment to this one.
    package func seconds(since earlier: Moment) -> Double {
        (instant - earlier.instant).inSeconds
    }

    /// UTC, with milliseconds (RFC 3339).
    package var timestamp: String {
        Date(timeIntervalSince1970: wall)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
