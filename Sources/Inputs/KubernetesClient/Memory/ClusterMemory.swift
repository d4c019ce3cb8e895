import Glibc
package import KubernetesAPI
import SystemCalls
import SystemPackage

/// The last known state of the cluster on disk, for a start while no API server answers.
///
/// The file is replaced as a whole or not at all, and its bytes are on the disk before they take the
/// old ones' place. What can't be written is reported once and is no reason to stop.
package actor ClusterMemory {
    /// A larger state is not kept.
    package static let maximumBytes = 128 << 20
    /// Least time between two writes.
    package static let interval = Duration.seconds(30)

    private let path: String
    private let settings: DecodingSettings
    private let interval: Duration
    private var unwritten: ClusterRecording?
    private var isWaiting = false
    private var lastProblem: String?
    private let report: @Sendable (String) -> Void

    /// - Parameters:
    ///   - path: a file in a directory of ours, which is made if need be.
    ///   - settings: whose Services are kept; those of other settings are not read.
    ///   - interval: least time between two writes.
    ///   - report: takes a problem with the file, each once.
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

    /// Keeps a state: soon, and of several in quick succession the last.
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

    /// Writes what is not written yet.
    package func flush() {
        guard let recording = unwritten else { return }
        unwritten = nil
        do {
            let bytes = try recording.encoded(settings)
            guard bytes.count <= Self.maximumBytes else {
                throw ClientError("\(bytes.count) bytes are more than \(Self.maximumBytes)")
            }
            try write(bytes)
            lastProblem = nil
        } catch {
            tell("the cluster's state is not kept for the next start: \(error)")
        }
    }

    /// What was kept; nil if nothing was, or nothing that can be used.
    package func recall() -> ClusterRecording? {
        do {
            guard let bytes = try read() else { return nil }
            return try ClusterRecording(bytes, settings)
        } catch {
            tell("the cluster's last state cannot be used: \(error)")
            return nil
        }
    }

    private func tell(_ problem: String) {
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
