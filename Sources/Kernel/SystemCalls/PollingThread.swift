import Glibc
import SystemPackage

/// Calls a function again and again on a thread of its own, which may block there, until `stop` or the end of
/// this object.
///
/// Each call wakes this one thread. A timer of tasks or of Dispatch wakes three, which is most of what a
/// program at rest costs.
package final class PollingThread: Sendable {
    private let end: End

    /// What comes before the next call.
    package struct Wait: Sendable {
        /// Until then at most.
        package var limit: Duration
        /// Ends the wait when it can be read.
        package var descriptor: Int32?

        package init(limit: Duration, descriptor: Int32? = nil) {
            (self.limit, self.descriptor) = (limit, descriptor)
        }
    }

    /// The first call is after `interval`. The thread keeps what `body` refers to until it has ended.
    package convenience init(every interval: Duration, _ body: @escaping @Sendable () -> Void) {
        self.init(after: Wait(limit: interval)) {
            body()
            return Wait(limit: interval)
        }
    }

    /// The first call is after `first`; each returns what comes before the next.
    package init(after first: Wait, _ body: @escaping @Sendable () -> Wait) {
        do throws(Errno) {
            let end = try End()
            self.end = end
            try startThread {
                var wait = first
                while !end.comes(within: wait) { wait = body() }
            }
        } catch {
            preconditionFailure("no thread for polling: \(error)")
        }
    }

    deinit { end.set() }

    /// Without waiting for a call that is under way.
    package func stop() { end.set() }

    /// Makes the next call come at once.
    package func wake() { end.wake() }

    /// Set once.
    private final class End: Sendable {
        private let alarm: Alarm
        /// Ends one wait.
        private let prompt: Alarm

        init() throws(Errno) {
            alarm = try Alarm()
            prompt = try Alarm()
        }

        func set() { alarm.set() }

        func wake() { prompt.set() }

        /// Waits for it; false after `wait`.
        func comes(within wait: Wait) -> Bool {
            // A negative number is left out by the kernel.
            var files = [alarm.descriptor, prompt.descriptor, wait.descriptor ?? -1].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            let limit = Int32(clamping: Int64(wait.limit / .milliseconds(1)))
            while true {
                let count = unsafe poll(&files, nfds_t(files.count), limit)
                if count < 0, errno == EINTR { continue }
                if files[1].revents != 0 { prompt.clear() }
                return files[0].revents != 0
            }
        }
    }
}
