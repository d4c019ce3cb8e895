import Glibc
package import KubernetesAPI

/// The last known state of the cluster on disk, for a start while no API server is reachable.
///
/// The file is replaced atomically, after the new content has been synced to disk. A write error is
/// reported once and does not stop the daemon.
package actor ClusterMemory {
    /// A larger state is not saved.
    package static let maximumBytes = 128 << 20
    /// Minimum time between two writes.
    package static let interval = Duration.seconds(30)

    private let path: String
    private let settings: DecodingSettings
    private let interval: Duration
    private var unwritten: ClusterRecording?
    private var isWaiting = false
    private var lastProblem: String?
    private let report: @Sendable (String) -> Void

    /// - Parameters:
    ///   - path: a file in Fairlead's state directory, which is created if absent.
    ///   - settings: saved with the state; a state saved with other settings is ignored.
    ///   - interval: minimum time between two writes.
    ///   - report: receives each problem with the file once.
    package init(
        path: String,
        settings: DecodingSettings,
        interval: Duration = ClusterMemory.interval,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.path = path
        self.settings = settings
        self.interval = interval
        self.report = report
    }

    /// Saves a state soon; of several in quick succession, only the last.
    package func remember(_ recording: ClusterRecording) {
        unwritten = recording
        guard !isWaiting else { return }
        isWaiting = true
        Task {
            try? await Task.sleep(for: interval)
            isWaiting = false
            flush()
        }
    }

    /// Writes a state not written yet.
    package func flush() {
        guard let recording = unwritten else { return }
        unwritten = nil
        do {
            let bytes = try recording.encoded(settings)
            guard bytes.count <= Self.maximumBytes else {
                throw ClientError("\(bytes.count) bytes exceed the limit of \(Self.maximumBytes)")
            }
            try write(bytes)
            lastProblem = nil
        } catch {
            reportOnce("cannot save the cluster state for the next start: \(error)")
        }
    }

    /// The saved state; nil if there is none, or it cannot be used.
    package func recall() -> ClusterRecording? {
        do {
            guard let bytes = try read() else { return nil }
            return try ClusterRecording(bytes, settings)
        } catch {
            reportOnce("cannot use the saved cluster state: \(error)")
            return nil
        }
    }

    private func reportOnce(_ problem: String) {
        guard problem != lastProblem else { return }
        lastProblem = problem
        report("\(path): \(problem)")
    }

    // MARK: - The file

    private func write(_ bytes: [UInt8]) throws {
        let directory = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        mkdir(directory, 0o700)
        let temporary = path + ".new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw Self.failure("open") }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write") }
            rest = rest.dropFirst(count)
        }
        guard fsync(file) == 0 else { throw Self.failure("fsync") }
        guard rename(temporary, path) == 0 else { throw Self.failure("rename") }
        // Otherwise a power failure could bring back the old file; an error here loses nothing
        // more.
        let parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if parent >= 0 {
            _ = fsync(parent)
            close(parent)
        }
    }

    private func read() throws -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        if file < 0, errno == ENOENT { return nil }
        guard file >= 0 else { throw Self.failure("open") }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure("read") }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= Self.maximumBytes else {
                throw ClientError("larger than \(Self.maximumBytes) bytes")
            }
        }
    }

    private static func failure(_ call: String) -> ClientError {
        ClientError("\(call): \(String(cString: strerror(errno)))")
    }
}
