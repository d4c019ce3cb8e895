import Glibc

/// The processor time of the calling thread, with the kernel's on its behalf.
package enum ThreadTime {
    /// Grows while the thread runs, and not while it waits or sleeps.
    package static var now: Duration {
        var time = timespec()
        // Every kernel has the clock of the calling thread.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
