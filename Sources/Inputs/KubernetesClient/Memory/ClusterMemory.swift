import Glibc
package import KubernetesAPI
import NIOPosix
import SystemCalls
import SystemPackage

/// The last known state of the cluster on disk, for a start while no API server is reachable.
///
/// The file is replaced atomically, after the new content has been synced to disk. A write error does not
/// stop the daemon; `problem` says why.
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
    private var writing: Task<Void, Never>?
    /// Why the file cannot be read or written; nil if it last could.
    package private(set) var problem: String?

    /// - Parameters:
    ///   - path: a file in Fairlead's state directory, which is created if absent.
    ///   - settings: saved with the state; a state saved with other settings is ignored.
    ///   - interval: minimum time between two writes.
    package init(
        path: String,
        settings: DecodingSettings,
        interval: Duration = ClusterMemory.interval
    ) {
        self.path = path
        self.settings = settings
        self.interval = interval
    }

    /// Saves a state soon; of several in quick succession, only the last.
    package func remember(_ recording: ClusterRecording) {
        unwritten = recording
        guard !isWaiting else { return }
        isWaiting = true
        Task {
            try? await Task.sleep(for: interval)
            isWaiting = false
            await flush()
        }
    }

    /// Writes a state not written yet.
    package func flush() async {
        // One that is being written comes first: the file is to hold the latest.
        await writing?.value
        guard let recording = unwritten else { return }
        unwritten = nil
        let task = Task { [path, settings] in
            do {
                try await Self.offThePool {
                    let bytes = try recording.encoded(settings)
                    guard bytes.count <= Self.maximumBytes else {
                        throw ClientError(
                            "\(bytes.count) bytes exceed the limit of \(Self.maximumBytes)"
                        )
                    }
                    try Self.write(bytes, to: path)
                }
                problem = nil
            } catch {
                problem = "\(path): cannot save the cluster state for the next start: \(error)"
            }
        }
        writing = task
        await task.value
    }

    /// Encoding and writing take long, and tasks have few threads.
    private static func offThePool<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(body)
    }

    /// The saved state; nil if there is none, or it cannot be used.
    package func recall() async -> ClusterRecording? {
        do {
            return try await Self.offThePool { [path, settings] in
                try Self.read(path).map { try ClusterRecording($0, settings) }
            }
        } catch {
            problem = "\(path): cannot use the saved cluster state: \(error)"
            return nil
        }
    }

    // MARK: - The file

    private static func write(_ bytes: [UInt8], to path: String) throws {
        mkdir(path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }, 0o700)
        try WholeFile.replace(path, with: bytes)
    }

    private static func read(_ path: String) throws -> [UInt8]? {
        do throws(FileError) {
            return try WholeFile.read(path, limit: maximumBytes, options: .noFollow)
        } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }
}
