import Glibc
import Synchronization
import SystemCalls
import SystemPackage

/// Reports changes of a configuration file: written in place, replaced, or behind a symbolic link with
/// a new target, as Kubernetes updates a ConfigMap.
///
/// The file is checked when an event says that it may be another, and now and then without, which notices
/// changes of mounts; on network file systems, which have no such events, and by a relative path in each
/// interval. A change is reported once the file stays the same from one check to the next, so that it is
/// complete, and the removal of the file once it has been missing for a while: some programs replace a file
/// by removing it first.
package struct ConfigurationWatch: Sendable {
    /// Checks without events are this many intervals apart.
    private static let rest = 10

    private let path: String
    private let interval: Duration
    private let first: Observer

    /// Create it before the file is read, so that no change in between is missed.
    package init(path: String, interval: Duration = .seconds(1)) {
        self.path = path
        self.interval = interval
        first = Observer(path: path)
    }

    /// An element for each change since the watch was created, until the consumer ends.
    package func changes() -> AsyncStream<Void> {
        // Changes that have not been consumed become one.
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let watcher = Mutex(Watcher(observer: first, path: path))
        let (often, rarely) = (interval, interval * Self.rest)
        let thread = PollingThread(after: .init(limit: often)) {
            let (hasChanged, events) = watcher.withLock { $0.check() }
            if hasChanged { continuation.yield() }
            return .init(limit: events == nil ? often : rarely, descriptor: events)
        }
        continuation.onTermination = { _ in thread.stop() }
        return stream
    }

    /// The file, and the events of its path.
    package struct Watcher: Sendable {
        private let path: String
        private var observer: Observer
        private var checks = PathCheck()

        package init(path: String) { self.init(observer: Observer(path: path), path: path) }

        fileprivate init(observer: Observer, path: String) {
            (self.observer, self.path) = (observer, path)
        }

        /// Whether the file has new and complete content, or is gone; and the descriptor of the events that
        /// the next check is to wait for.
        ///
        /// That is nil if it must come soon, because the file is not settled or something could have changed
        /// unnoticed since the last check.
        package mutating func check() -> (hasChanged: Bool, events: Int32?) {
            let hasChanged = observer.look()
            if observer.isSettled { return (hasChanged, checks.rest(after: [path])) }
            checks.end()
            return (hasChanged, nil)
        }
    }

    /// The last seen state of the file.
    package struct Observer: Sendable {
        private let path: String
        /// At the last check.
        private var stamp: Stamp?
        /// When the file last was the same at two checks.
        private var settled: Stamp?
        private var content: Content
        /// At how many checks in a row there was no file.
        private var absences = 0
        /// The removal counts from this many on.
        private static let longAbsence = 3

        package init(path: String) {
            self.path = path
            stamp = Stamp(path)
            settled = stamp
            content = Self.read(path)
        }

        /// It was the same at the last two checks, or has long been missing.
        var isSettled: Bool {
            stamp == nil ? absences >= Self.longAbsence : stamp == settled
        }

        /// Checks the file; true if it has new and complete content, or is gone.
        package mutating func look() -> Bool {
            let last = stamp
            stamp = Stamp(path)
            guard let stamp else { return isGone() }
            absences = 0
            guard stamp == last, stamp != settled else { return false }
            settled = stamp
            let new = Self.read(path)
            // A file that goes just now is waited for.
            guard new != .none, new != content else { return false }
            content = new
            return true
        }

        /// Whether it has just been missing for long enough. Whatever comes back is a change then.
        private mutating func isGone() -> Bool {
            absences += 1
            guard absences == Self.longAbsence, content != .none else { return false }
            (settled, content) = (nil, .none)
            return true
        }

        private static func read(_ path: String) -> Content {
            do throws(FileError) {
                return .bytes(try WholeFile.read(path, limit: 1 << 24, regularOnly: true))
            } catch {
                return Stamp(path) == nil ? .none : .unreadable
            }
        }
    }

    private enum Content: Equatable {
        /// There is no file.
        case none
        /// Whoever loads it says why: it may be larger than any configuration, or a pipe.
        case unreadable
        case bytes([UInt8])
    }

    /// Detects a changed file without reading it.
    private struct Stamp: Sendable, Equatable {
        private let device: UInt64
        private let inode: UInt64
        private let size: Int64
        private let seconds: [Int]
        private let nanoseconds: [Int]

        /// Follows links; nil if there is no file.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            seconds = [status.st_mtim.tv_sec, status.st_ctim.tv_sec]
            nanoseconds = [status.st_mtim.tv_nsec, status.st_ctim.tv_nsec]
        }
    }
}
