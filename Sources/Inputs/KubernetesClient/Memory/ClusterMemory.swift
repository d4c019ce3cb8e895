import Addressing
import Dispatch
package import KubernetesAPI
package import ServiceModel

/// The last known state of the cluster on disk, for a start while no API server is reachable.
///
/// What has changed is appended to the file, so that what is written grows with the changes. A write error
/// does not stop the daemon; `problem` says why.
package actor ClusterMemory {
    /// Minimum time between two writes.
    package static let interval = Duration.seconds(3)
    /// The same after a failure.
    package static let retryInterval = Duration.seconds(60)
    /// Encoding and writing take long, and tasks have few threads.
    private static let queue = DispatchQueue(label: "fairlead.cluster-memory", qos: .utility)

    private let file: ClusterFile
    private let interval: Duration
    private let retryInterval: Duration
    /// The latest state, while the file does not hold it.
    private var unwritten: ClusterRecording?
    /// The Services in which it differs from the file.
    private var changed = ChangedServices.some([])
    private var isWaiting = false
    private var writing: Task<Void, Never>?
    /// What the file holds besides Services; nil if unknown.
    private var facts: ClusterRecord?
    /// What the file holds besides Services; nil if unknown.
    private var known: ClusterRecording?
    /// How far the file can be used; nil if unknown.
    private var extent: ClusterFile.Extent?
    /// Why the file cannot be read or written; nil if it last could.
    package private(set) var problem: String?

    /// - Parameters:
    ///   - path: a file in Fairlead's state directory, which is created if absent.
    ///   - settings: saved with the state; a state saved with other settings is ignored.
    ///   - interval: minimum time between two writes.
    ///   - retryInterval: the same after a failure.
    package init(
        path: String,
        settings: DecodingSettings,
        interval: Duration = ClusterMemory.interval,
        retryInterval: Duration = ClusterMemory.retryInterval
    ) {
        file = ClusterFile(path, settings)
        self.interval = interval
        self.retryInterval = retryInterval
    }

    /// Saves a state soon, of which `changed` have changed since the last call.
    package func remember(_ recording: ClusterRecording, changed: ChangedServices = .all) {
        unwritten = recording
        self.changed.formUnion(changed)
        if !isWaiting { flush(after: interval) }
    }

    private func flush(after delay: Duration) {
        isWaiting = true
        Task {
            try? await Task.sleep(for: delay)
            await flush()
            isWaiting = false
            guard unwritten != nil else { return }
            flush(after: extent == nil ? retryInterval : interval)
        }
    }

    /// Writes a state not written yet.
    package func flush() async {
        // One that is being written comes first: the file is to hold the latest.
        while let writing { await writing.value }
        guard let recording = unwritten else { return }
        let changed = changed
        (unwritten, self.changed) = (nil, .some([]))
        let task = Task {
            await write(recording, changed)
            writing = nil
        }
        writing = task
        await task.value
    }

    private func write(_ recording: ClusterRecording, _ changed: ChangedServices) async {
        var recording = recording
        // What no API server has reported yet stays as an earlier run knew it.
        if known == nil, recording.serviceCIDRs.isEmpty || recording.node == nil {
            let saved = try? await Self.offThePool { [file] in try file.read(services: false) }
            known = saved?.recording
        }
        if recording.serviceCIDRs.isEmpty { recording.serviceCIDRs = known?.serviceCIDRs ?? [] }
        recording.node = recording.node ?? known?.node
        known = ClusterRecording(node: recording.node, serviceCIDRs: recording.serviceCIDRs)
        await save(recording, changed)
    }

    private func save(_ recording: ClusterRecording, _ changed: ChangedServices) async {
        let newFacts = recording.facts
        let factsChange = newFacts != facts
        do {
            extent = try await Self.offThePool { [file, extent] in
                guard let extent, case .some(let names) = changed else {
                    return try file.synchronize(recording)
                }
                return try file.append(names, facts: factsChange, of: recording, to: extent)
            }
            facts = newFacts
            problem = nil
        } catch {
            // What the file holds now is found out by the next write.
            (extent, facts) = (nil, nil)
            if unwritten == nil { unwritten = recording }
            self.changed = .all
            problem = "\(file.path): cannot save the cluster state for the next start: \(error)"
        }
    }

    private static func offThePool<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    /// The saved state; nil if there is none, or it cannot be used. With `services` false, it has only
    /// what is known besides Services.
    package func recall(services: Bool = true) async -> ClusterRecording? {
        do {
            let saved = try await Self.offThePool { [file] in try file.read(services: services) }
            guard let saved else { return nil }
            if saved.torn > 0 {
                problem =
                    "\(file.path): the last \(saved.torn) bytes are incomplete; "
                    + "using the cluster state before them"
            }
            return saved.recording
        } catch {
            problem = "\(file.path): cannot use the saved cluster state: \(error)"
            return nil
        }
    }
}
