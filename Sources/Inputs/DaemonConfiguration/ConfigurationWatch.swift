import Glibc
import SystemCalls
import SystemPackage

/// Tells when a configuration file holds something new: written in place, renamed over, or behind a
/// symbolic link that was turned, as Kubernetes does with a ConfigMap.
///
/// Looks at the file once in a while, which sees every way of changing it, through any number of
/// links and mounts. A change is told when the file has kept still from one look to the next, so
/// that none is read half written. A file that is gone is no change.
package struct ConfigurationWatch: Sendable {
    private let interval: Duration
    private let first: Observer

    /// To be made before the file is read, so that no change falls in between.
    package init(path: String, interval: Duration = .seconds(1)) {
        self.interval = interval
        first = Observer(path: path)
    }

    /// An element for each change since this was made, until its consumer ends.
    package func changes() -> AsyncStream<Void> {
        // Several changes that nobody has looked at yet are one.
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let task = Task { [interval, first] in
            var observer = first
            while (try? await Task.sleep(for: interval)) != nil {
                if observer.look() { continuation.yield() }
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// What was seen of the file.
    package struct Observer: Sendable {
        private let path: String
        /// At the last look.
        private var stamp: Stamp?
        /// When the file kept still for the last time.
        private var settled: Stamp?
        private var content: [UInt8]?

        package init(path: String) {
            self.path = path
            stamp = Stamp(path)
            settled = stamp
            content = Self.read(path)
        }

        /// True if there is something new, and whole.
        package mutating func look() -> Bool {
            let last = stamp
            stamp = Stamp(path)
            guard let stamp, stamp == last, stamp != settled else { return false }
            settled = stamp
            let new = Self.read(path)
            guard let new, new != content else { return false }
            content = new
            return true
        }

        /// Nil if it can't be read; nothing if it is larger than any configuration.
        private static func read(_ path: String) -> [UInt8]? {
            do throws(FileError) {
                return try WholeFile.read(path, limit: 1 << 24, options: .nonBlocking)
            } catch {
                if case .larger = error { return [] }
                return nil
            }
        }
    }

    /// What tells one content of a file from the next without reading it.
    private struct Stamp: Sendable, Equatable {
        private let device: UInt64
        private let inode: UInt64
        private let size: Int64
        private let seconds: [Int]
        private let nanoseconds: [Int]

        /// Of the file that the links lead to; nil if there is none.
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
