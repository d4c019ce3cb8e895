import DaemonConfiguration
import Dispatch
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

    /// Reads every source once, with complaints about what is wrong in them.
    static func complaining(_ configuration: DaemonConfiguration) throws -> LoadedSources {
        let loaded = try LoadedSources(configuration)
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
        let name = configuration.node.name ?? NodeFacts.hostName()
        if let settings = KubernetesSource.Settings(sources, nodeName: name, logger: .silent) {
            let update = try Self.cluster(settings, asksForNodes: configuration.mode == .ipvs)
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
    /// How long its Node may come after its Services.
    private static let nodePatience = Duration.seconds(3)

    private static func cluster(
        _ settings: KubernetesSource.Settings,
        asksForNodes: Bool
    ) throws -> KubernetesUpdate {
        let source: KubernetesSource
        do {
            source = try KubernetesSource(settings)
        } catch {
            throw CommandFailure("\(error)")
        }
        // A command runs on the main thread, which may have to enter a namespace later and so
        // must not be one of those that tasks share.
        let done = DispatchSemaphore(value: 0)
        let found = Mutex<KubernetesUpdate?>(nil)
        let problem = Mutex<String?>(nil)
        Task.detached {
            var latest = await first(source)
            if asksForNodes, let update = latest?.update {
                let directory = NodeDirectory(
                    source,
                    ownName: settings.nodeName,
                    logger: settings.logger
                )
                latest?.otherNodes = await directory.owners(update)
            }
            let update = latest
            found.withLock { $0 = update }
            if update == nil {
                let state = await source.state()
                let said = state.resources.values.compactMap(\.lastError).sorted().first
                problem.withLock { $0 = said }
            }
            await source.stop()
            done.signal()
        }
        done.wait()
        if let update = found.withLock({ $0 }) { return update }
        let reason = problem.withLock { $0 } ?? "no answer"
        throw CommandFailure("no API server answered within \(patience): \(reason)")
    }

    /// The first update that knows the Node, or the latest there is if that takes too long; nil if
    /// there is none in time.
    private static func first(_ source: KubernetesSource) async -> KubernetesUpdate? {
        let latest = LatestUpdate()
        let following = Task {
            for await update in source.updates() where await latest.take(update) { return }
        }
        let clock = ContinuousClock()
        let start = clock.now
        while clock.now - start < patience {
            if let update = await latest.value, await latest.isEnough(after: nodePatience) {
                following.cancel()
                return update
            }
            guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { break }
        }
        following.cancel()
        return await latest.value
    }

    private actor LatestUpdate {
        private(set) var value: KubernetesUpdate?
        private var since = ContinuousClock.now

        /// True if nothing more is needed.
        func take(_ update: KubernetesUpdate) -> Bool {
            if value == nil { since = .now }
            value = update
            return update.node != nil
        }

        func isEnough(after patience: Duration) -> Bool {
            value?.node != nil || ContinuousClock.now - since >= patience
        }
    }
}

extension Logger {
    /// Commands report the outcome, not the way there.
    fileprivate static var silent: Logger {
        Logger(label: "fairlead") { _ in SwiftLogNoOpLogHandler() }
    }
}
