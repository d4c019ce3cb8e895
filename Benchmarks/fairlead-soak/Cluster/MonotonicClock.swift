import Glibc

/// The clock that the lab's clients stamp their lines with.
enum MonotonicClock {
    static var microseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
