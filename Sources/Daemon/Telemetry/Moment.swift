import Glibc

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
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Moment(
            instant: .now,
            wall: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        )
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
    package var timestamp: String { Self.timestamp(wall) }

    package static func timestamp(_ wall: Double) -> String {
        var seconds = time_t(wall.rounded(.down))
        var parts = unsafe tm()
        unsafe gmtime_r(&seconds, &parts)
        func padded(_ number: Int32, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date =
            unsafe "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        let time = unsafe "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))"
        let milliseconds = Int32((wall - wall.rounded(.down)) * 1000)
        return "\(date)T\(time).\(padded(milliseconds, 3))Z"
    }
}
