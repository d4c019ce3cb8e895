import DaemonConfiguration
import Dataplane
import DataplaneModel
import Dispatch
import InstalledModes
import KubernetesAPI
import KubernetesClient
import Logging
import Planning
import ServiceModel
import ServiceSources
import Synchronization

/// Everything the sources hold at one moment, for commands that end.
struct LoadedSources {
    var update: SnapshotUpdate
    /// What the cluster says of the node; nil where no API server is asked.
    private var cluster: ClusterFacts?
    /// What the API server did not answer for in time, with reasons; all that depends on it may be
    /// planned otherwise than the daemon does.
    private(set) var gaps: [String] = []

    /// Reads every source once, with complaints about what is wrong in them.
    static func complaining(_ configuration: DaemonConfiguration) throws -> LoadedSources {
        let loaded = try LoadedSources(configuration)
        for gap in loaded.gaps { complain("warning: \(gap)") }
        for issue in loaded.update.snapshot.issues { complain("\(issue)") }
        return loaded
    }

    /// Reads every source once; fails if one cannot be read at all.
    init(_ configuration: DaemonConfiguration) throws {
        let sources = configuration.sources
        var inputs = OnceMerged(sources)
        if !sources.filePath.isEmpty {
            let source = FileSource(
                path: sources.filePath,
                serviceProxyName: sources.serviceProxyName
            )
            guard let update = source.load() else {
                throw CommandFailure(
                    "\(sources.filePath): cannot be read. Name your manifests with --services, or sources.files in the configuration"
                )
            }
            inputs.take(update, from: .files)
        }
        let name = configuration.nodeName
        if let settings = KubernetesSource.Settings(sources, nodeName: name, logger: .silent) {
            let (update, state) = try Self.cluster(
                settings,
                asksForNodes: configuration.chosenMode.needsNodeAddresses
            )
            let isUnanswered = update.unanswered.contains(.nodes)
            guard update.node != nil || isUnanswered else {
                throw CommandFailure(KubernetesSource.missingNode(name))
            }
            gaps = update.unanswered.sorted { $0.rawValue < $1.rawValue }.map { resource in
                let error = state.resources[resource]?.lastError ?? "no answer"
                return
                    "the API server gave no \(resource.rawValue) within \(Self.restPatience), so this goes without: \(error)"
            }
            cluster = ClusterFacts()
            cluster?.learn(update.node, update.serviceCIDRs)
            cluster?.otherNodes = update.otherNodes
            inputs.take(update.update, from: .cluster)
        }
        guard let update = inputs.update else {
            throw CommandFailure(
                "no Services to serve: neither sources.files nor sources.kubernetes"
            )
        }
        self.update = update
    }

    /// What the node and the cluster say of the node, in the present network namespace.
    func facts() -> NodeFacts {
        var facts = NodeFacts.observe()
        facts.cluster = cluster
        return facts
    }

    private struct OnceMerged {
        private var merger: SnapshotMerger
        private(set) var update: SnapshotUpdate?

        init(_ sources: DaemonConfiguration.Sources) {
            var origins: Set<ServiceOrigin> = []
            if !sources.filePath.isEmpty { origins.insert(.files) }
            if sources.kubernetes != nil { origins.insert(.cluster) }
            merger = SnapshotMerger(origins, fileSource: sources.filePath)
        }

        mutating func take(_ update: SnapshotUpdate, from origin: ServiceOrigin) {
            self.update = merger.take(update, from: origin) ?? self.update
        }
    }

    // MARK: - The cluster

    /// How long an API server may take.
    private static let patience = Duration.seconds(20)
    /// How long the rest may come after its Services: its Node, its ServiceCIDRs.
    private static let restPatience = Duration.seconds(5)

    private typealias Answer = (update: KubernetesUpdate, state: KubernetesSourceState)

    private static func cluster(
        _ settings: KubernetesSource.Settings,
        asksForNodes: Bool
    ) throws -> Answer {
        let source: KubernetesSource
        do {
            source = try KubernetesSource(settings)
        } catch {
            throw CommandFailure("\(error)")
        }
        // A command runs on the main thread, which may have to enter a namespace later and so
        // must not be one of those that tasks share.
        let done = DispatchSemaphore(value: 0)
        let found = Mutex<(KubernetesUpdate?, KubernetesSourceState)?>(nil)
        Task.detached {
            var latest = await first(source)
            let state = await source.state()
            if asksForNodes, let update = latest?.update {
                let directory = NodeDirectory(
                    source,
                    ownName: settings.nodeName,
                    logger: settings.logger
                )
                latest?.otherNodes = await directory.owners(update)
            }
            let update = latest
            found.withLock { $0 = (update, state) }
            await source.stop()
            done.signal()
        }
        done.wait()
        guard let (update, state) = found.withLock({ $0 }), let update else {
            let errors = found.withLock { $0?.1 }?.resources.values.compactMap(\.lastError) ?? []
            let reason = errors.min() ?? "no answer"
            throw CommandFailure("no API server answered within \(patience): \(reason)")
        }
        return (update, state)
    }

    /// The first update in which everything is answered for, or the latest there is if that takes
    /// too long; nil if there is none in time.
    private static func first(_ source: KubernetesSource) async -> KubernetesUpdate? {
        let latest = LatestUpdate()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await update in source.updates() where latest.take(update) { return }
            }
            group.addTask {
                let start = ContinuousClock.now
                while latest.isWorthWaiting(since: start) {
                    guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
                }
            }
            await group.next()
            group.cancelAll()
        }
        return latest.value
    }

    private final class LatestUpdate: Sendable {
        private let state = Mutex<(value: KubernetesUpdate?, since: ContinuousClock.Instant)>(
            (nil, .now)
        )

        var value: KubernetesUpdate? { state.withLock { $0.value } }

        /// True if nothing more is needed.
        func take(_ update: KubernetesUpdate) -> Bool {
            var update = update
            // Those before it are dropped, so what they changed counts as changed by this one.
            update.update.changed = .all
            state.withLock { [update] state in
                if state.value == nil { state.since = .now }
                state.value = update
            }
            return update.unanswered.isEmpty
        }

        func isWorthWaiting(since start: ContinuousClock.Instant) -> Bool {
            state.withLock { state in
                let limit =
                    state.value == nil ? start + patience : state.since + restPatience
                return ContinuousClock.now < limit
            }
        }
    }
}

extension Logger {
    /// Commands report the outcome, not the way there.
    fileprivate static var silent: Logger {
        Logger(label: "fairlead") { _ in SwiftLogNoOpLogHandler() }
    }
}
