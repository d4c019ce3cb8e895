import Glibc

/// When a draining real server is deleted even if it has connections, in seconds since the host booted
/// (`CLOCK_BOOTTIME`).
///
/// The kernel stores it as the real server's upper threshold. The highest bit marks it as a deadline, as
/// no real server has two billion connections. So a drain outlives the daemon, as virtual servers do.
struct DrainDeadline: Hashable, Comparable {
    private static let mark: UInt32 = 0x8000_0000

    let seconds: UInt32

    /// Nil if `threshold` is a number of connections.
    init?(threshold: UInt32) {
        guard threshold & Self.mark != 0 else { return nil }
        seconds = threshold & ~Self.mark
    }

    init(seconds: UInt32) {
        self.seconds = min(seconds, ~Self.mark)
    }

    static func now() -> DrainDeadline { after(.zero) }

    /// `delay` from now, rounded up.
    static func after(_ delay: Duration) -> DrainDeadline {
        var time = timespec()
        // CLOCK_BOOTTIME cannot fail on any kernel that has IPVS over netlink.
        _ = unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        let (whole, rest) = delay.components
        let seconds = Int64(time.tv_sec) + max(0, whole) + (rest > 0 ? 1 : 0)
        return DrainDeadline(seconds: UInt32(clamping: seconds))
    }

    var threshold: UInt32 { seconds | Self.mark }

    static func < (left: Self, right: Self) -> Bool { left.seconds < right.seconds }
}
