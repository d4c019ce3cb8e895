package import Logging
import Synchronization

/// What all copies of a logger share, wherever they are kept: a change reaches each of them.
package final class LogSettings: Sendable {
    package struct Values: Sendable, Equatable {
        package var format: DaemonLogHandler.Format
        /// Lines below it are left out.
        package var level: Logger.Level

        package init(format: DaemonLogHandler.Format, level: Logger.Level) {
            self.format = format
            self.level = level
        }
    }

    private let current: Mutex<Values>
    /// Nil if the system has no such sockets.
    let journal: JournalSocket?

    package convenience init(_ values: Values) {
        self.init(values, journal: JournalSocket.standardPath)
    }

    init(_ values: Values, journal path: String) {
        current = Mutex(values)
        journal = JournalSocket(path: path)
    }

    package var values: Values { current.withLock { $0 } }

    package func set(_ values: Values) { current.withLock { $0 = values } }
}
