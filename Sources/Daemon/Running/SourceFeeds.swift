package import DaemonConfiguration
import DataplaneModel
import KubernetesAPI
package import KubernetesClient
package import Logging
import Reconciling
import ServiceModel
import ServiceSources

/// The configured sources, followed by the daemon or read by a command.
package struct SourceFeeds: Sendable {
    /// How long to wait for an API server before the last known state is used meanwhile.
    private static let patience = Duration.seconds(10)

    let files: FileSource?
    let cluster: ClusterFeed?
    private let memory: ClusterMemory?
    /// Events for the cluster; nil if none is configured.
    var events: EventRecorder? { cluster?.events }

    /// `observe` is called with each request to an API server.
    package init(
        _ configuration: DaemonConfiguration,
        nodeName: String,
        logger: Logger,
        observe: @escaping @Sendable (RequestOutcome) -> Void = { _ in }
    ) {
        let sources = configuration.sources
        files = FileSource(sources)
        cluster = ClusterFeed(
            sources,
            nodeName: nodeName,
            asksForNodes: configuration.chosenMode.needsNodeAddresses,
            logger: logger,
            observe: observe
        )
        memory = ClusterMemory(sources)
    }

    /// Follows all sources until the task is cancelled.
    package func follow(into mailbox: Mailbox) async {
        await withDiscardingTaskGroup { group in
            if let files {
                group.addTask {
                    for await update in files.updates() { mailbox.send(.arrived(.files(update))) }
                }
            }
            if let cluster {
                group.addTask { await cluster.follow { mailbox.send(.arrived(.cluster($0))) } }
            }
            if let memory {
                group.addTask {
                    guard (try? await Task.sleep(for: Self.patience)) != nil else { return }
                    let state = await cluster?.look().state
                    // Reading takes long, and an API server has answered for everything.
                    if state?.hasServiceCIDRs == true, state?.isComplete == true { return }
                    let recording = await memory.recall(services: state?.isComplete != true)
                    if let recording {
                        mailbox.send(.arrived(.memory(recording)))
                    }
                }
            }
        }
    }

    /// How the sources are followed.
    func look() async -> (files: Look.Files?, cluster: Look.Cluster?) {
        let manifests = files.map { Look.Files(lastLook: $0.lastLook, problem: $0.problem) }
        guard let cluster else { return (manifests, nil) }
        var followed = await cluster.look()
        followed.memoryProblem = await memory?.problem
        return (manifests, followed)
    }

    func remember(_ recording: ClusterRecording, changed: ChangedServices) async {
        await memory?.remember(recording, changed: changed)
    }

    func forgetMissing(upTo revision: UInt64) { files?.forgetMissing(upTo: revision) }

    func rescan() { files?.rescan() }

    /// Reads the kubeconfig again; what it says is used from the next request on.
    func renewAccess() async { await cluster?.renewAccess() }

    /// Saves what the next start may need.
    func close() async { await memory?.flush() }
}

extension FileSource {
    /// Nil if the configuration names none.
    convenience init?(_ sources: DaemonConfiguration.Sources) {
        guard !sources.filePath.isEmpty else { return nil }
        self.init(
            path: sources.filePath,
            serviceProxyName: sources.serviceProxyName,
            stateDirectory: sources.stateDirectory
        )
    }
}

extension ClusterMemory {
    /// Nil if none is configured.
    fileprivate init?(_ sources: DaemonConfiguration.Sources) {
        guard let kubernetes = sources.kubernetes, kubernetes.snapshotCache,
            let directory = sources.stateDirectory
        else { return nil }
        self.init(
            path: directory + "/cluster",
            settings: DecodingSettings(serviceProxyName: sources.serviceProxyName)
        )
    }
}
