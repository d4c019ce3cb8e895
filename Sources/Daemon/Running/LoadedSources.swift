package import DaemonConfiguration
import InstalledModes
import KubernetesAPI
import KubernetesClient
import Logging
import Observability
package import Planning
import Reconciling
package import ServiceModel
import ServiceSources
import SystemCalls

/// What the sources hold at one moment, for commands.
package struct LoadedSources: Sendable {
    /// Why sources cannot be used.
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    package private(set) var update: SnapshotUpdate
    /// What the cluster knows of the node; nil if no API server is configured.
    private var cluster: ClusterFacts?
    /// What the API server did not report in time, with reasons. The plan may differ from the daemon's
    /// where it depends on that.
    package private(set) var gaps: [String] = []

    /// How long to wait for an API server.
    private static let patience = Duration.seconds(20)
    /// How long to wait for Node and ServiceCIDRs after the Services.
    private static let restPatience = Duration.seconds(5)

    /// Reads every source once; the calling thread waits.
    ///
    /// - Throws: `Failure` if a source cannot be read.
    package init(_ configuration: DaemonConfiguration) throws {
        self = try waiting { try await LoadedSources(reading: configuration) }
    }

    private init(reading configuration: DaemonConfiguration) async throws(Failure) {
        // The state directory is the daemon's: a command shows the present state and saves nothing.
        var configuration = configuration
        configuration.sources.stateDirectory = nil
        let sources = configuration.sources
        let name = configuration.nodeName
        let feeds = SourceFeeds(configuration, nodeName: name, logger: .silent)
        var merger = SnapshotMerger(sources.origins, fileSource: sources.filePath)
        var merged: SnapshotUpdate?
        if let files = feeds.files {
            merged = merger.take(try Self.load(files, sources), from: .files)
        }
        if let feed = feeds.cluster {
            let answer = try await Self.read(feed)
            var knowledge = ClusterKnowledge()
            _ = knowledge.take(answer)
            guard !knowledge.lacksNode else {
                throw Failure(description: ClusterKnowledge.missingNode(name))
            }
            cluster = knowledge.facts
            gaps = Self.gaps(answer, await feed.look().state)
            merged = merger.take(answer.update, from: .cluster) ?? merged
        }
        guard let merged else {
            throw Failure(
                description: "no Services to serve: neither sources.files nor sources.kubernetes"
            )
        }
        update = merged
    }

    /// What node and cluster know of the node, in the present network namespace.
    package func facts() -> NodeFacts {
        var facts = NodeFacts.observe()
        facts.cluster = cluster
        return facts
    }

    // MARK: - Files

    private static func load(
        _ files: FileSource,
        _ sources: DaemonConfiguration.Sources
    ) throws(Failure) -> SnapshotUpdate {
        if sources.filePath == StandardInput.path {
            do throws(StandardInput.Unusable) {
                return try StandardInput.load(serviceProxyName: sources.serviceProxyName)
            } catch {
                throw Failure(description: "\(StandardInput.title): \(error.reason)")
            }
        }
        let loaded = files.load()
        // Of a directory, the other files are used.
        if let reason = files.fileProblem {
            throw Failure(description: "\(sources.filePath): \(reason)")
        }
        guard let update = loaded else {
            throw Failure(
                description:
                    "\(sources.filePath): cannot be read. Name your manifests with --services, or sources.files in the configuration"
            )
        }
        return update
    }

    // MARK: - The cluster

    private static func gaps(_ answer: KubernetesUpdate, _ state: KubernetesSourceState?)
        -> [String]
    {
        answer.unanswered.sorted { $0.rawValue < $1.rawValue }.map { resource in
            let error = state?.resources[resource]?.lastError ?? "no answer"
            return
                "the API server gave no \(resource.rawValue) within \(restPatience), so this goes without: \(error)"
        }
    }

    private static func read(_ feed: ClusterFeed) async throws(Failure) -> KubernetesUpdate {
        do throws(ClientError) {
            try await feed.open()
        } catch {
            throw Failure(description: "\(error)")
        }
        if let update = await first(feed) { return update }
        let errors = await feed.look().state?.resources.values.compactMap(\.lastError) ?? []
        let reason = errors.min() ?? "no answer"
        throw Failure(description: "no API server answered within \(patience): \(reason)")
    }

    /// The first complete update, or the latest one if that takes too long; nil if none comes in time.
    private static func first(_ feed: ClusterFeed) async -> KubernetesUpdate? {
        let mailbox = Mailbox()
        return await withTaskGroup(of: Void.self) { group in
            func wake(after duration: Duration) -> ContinuousClock.Instant {
                // One instant for both: a wake that comes before the end would be the last event.
                let end = ContinuousClock.now + duration
                group.addTask {
                    try? await Task.sleep(until: end, clock: .continuous)
                    mailbox.send(.wake)
                }
                return end
            }
            group.addTask { await feed.follow { mailbox.send(.arrived(.cluster($0))) } }
            var end = wake(after: patience)
            var latest: KubernetesUpdate?
            while ContinuousClock.now < end, let event = await mailbox.next() {
                guard case .arrived(.cluster(var update)) = event else { continue }
                if latest == nil { end = wake(after: restPatience) }
                // Earlier updates are dropped, so this one counts as changing everything.
                update.update.changed = .all
                latest = update
                if update.unanswered.isEmpty { break }
            }
            group.cancelAll()
            return latest
        }
    }
}

extension Logger {
    /// Commands report results, not progress.
    fileprivate static var silent: Logger {
        Logger(label: "fairlead") { _ in SwiftLogNoOpLogHandler() }
    }
}
