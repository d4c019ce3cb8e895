import DaemonConfiguration
import KubernetesAPI
import KubernetesClient
import Logging
import Reconciling
import Telemetry

/// The cluster as a source that may not be configured yet: until kubeconfig or pod give an API server's
/// address, they are read again.
actor ClusterFeed {
    /// How often to read them.
    private static let interval = Duration.seconds(5)

    private let settings: KubernetesSource.Settings
    /// Whether the mode needs the addresses of other Nodes.
    private let asksForNodes: Bool
    /// Events for the cluster.
    nonisolated let events: EventRecorder
    private var source: KubernetesSource?
    /// Why there is no source.
    private var problem: String?

    /// Nil if the configuration names no API server.
    init?(
        _ sources: DaemonConfiguration.Sources,
        nodeName: String,
        asksForNodes: Bool,
        logger: Logger,
        observe: @escaping @Sendable (RequestOutcome) -> Void
    ) {
        guard
            var settings = KubernetesSource.Settings(sources, nodeName: nodeName, logger: logger)
        else { return nil }
        settings.observe = observe
        self.settings = settings
        self.asksForNodes = asksForNodes
        events = EventRecorder(nodeName: nodeName, logger: logger)
    }

    /// Calls `receive` with each update until the task is cancelled.
    func follow(_ receive: @escaping @Sendable (KubernetesUpdate) -> Void) async {
        guard let source = await opened() else { return }
        let directory = NodeDirectory(source, ownName: settings.nodeName, logger: settings.logger)
        await withDiscardingTaskGroup { group in
            group.addTask { [events] in await events.run(source.eventConnection) }
            guard asksForNodes else {
                for await update in source.updates() { receive(update) }
                group.cancelAll()
                return
            }
            group.addTask { await directory.run(receive) }
            for await update in source.updates() { await directory.passOn(update, receive) }
            group.cancelAll()
        }
        await source.stop()
    }

    /// Reads again how to reach the cluster's API servers, in case that has changed.
    func renewAccess() async { await source?.renewAccess() }

    /// How the cluster is followed.
    func look() async -> Look.Cluster {
        Look.Cluster(state: await source?.state(), problem: problem)
    }

    /// Determines how to reach an API server. Fails as `KubernetesSource` does.
    @discardableResult
    func open() throws(ClientError) -> KubernetesSource {
        if let source { return source }
        let opened = try KubernetesSource(settings)
        (source, problem) = (opened, nil)
        return opened
    }

    /// Nil if cancelled.
    private func opened() async -> KubernetesSource? {
        while true {
            do throws(ClientError) {
                return try open()
            } catch {
                if problem != error.description {
                    settings.logger.error(
                        "No API server configured yet, will retry",
                        metadata: ["reason": "\(error)"]
                    )
                }
                problem = error.description
            }
            guard (try? await Task.sleep(for: Self.interval)) != nil else { return nil }
        }
    }
}

extension KubernetesSource.Settings {
    /// Nil if the configuration names no API server.
    init?(_ sources: DaemonConfiguration.Sources, nodeName: String, logger: Logger) {
        guard let kubernetes = sources.kubernetes else { return nil }
        self.init(logger: logger)
        kubeconfig = kubernetes.kubeconfig
        context = kubernetes.context
        servers = kubernetes.servers
        contentType = kubernetes.contentType == .json ? .json : .protobuf
        self.nodeName = nodeName
        serviceProxyName = sources.serviceProxyName
        userAgent = "fairlead/\(Version.text)"
    }
}
