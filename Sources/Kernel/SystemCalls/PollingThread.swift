import Glibc
import SystemPackage

/// Calls a function again and again on a thread of its own, which may block there, until `stop` or the end of
/// this object.
///
/// Each call wakes this one thread. A timer of tasks or of Dispatch wakes three, which is most of what a
/// program at rest costs.
package final class PollingThread: Sendable {
    private let end: End

    /// The first call is after `interval`. The thread keeps what `body` refers to until it has ended.
    package init(every interval: Duration, _ body: @escaping @Sendable () -> Void) {
        do throws(Errno) {
            let end = try End()
            self.end = end
            try startThread { while !end.comes(within: interval) { body() } }
        } catch {
            preconditionFailure("no thread for polling: \(error)")
        }
    }

    deinit { end.set() }

    /// Without waiting for a call that is under way.
    package func stop() { end.set() }

    /// Set once.
    private final class End: Sendable {
        private let alarm: Alarm

        init() throws(Errno) { alarm = try Alarm() }

        func set() { alarm.set() }

        /// Waits for it; false after `interval`.
        func comes(within interval: Duration) -> Bool {
            var file = pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0)
            let limit = Int32(clamping: Int64(interval / .milliseconds(1)))
            while true {
                let count = unsafe poll(&file, 1, limit)
                guard count < 0, errno == EINTR else { return count != 0 }
            }
        }
    }
}
