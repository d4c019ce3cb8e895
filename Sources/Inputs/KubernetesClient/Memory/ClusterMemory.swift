import Glibc
package import KubernetesAPI
import SystemCalls
import SystemPackage

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
        mkdir(path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }, 0o700)
        try WholeFile.replace(path, with: bytes)
    }

    private func read() throws -> [UInt8]? {
        do throws(FileError) {
            return try WholeFile.read(path, limit: Self.maximumBytes, options: .noFollow)
        } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }
}
