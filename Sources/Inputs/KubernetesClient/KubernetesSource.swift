import FoundationEssentials
package import KubernetesAPI
package import Logging
import ServiceModel

/// Watches the Services, EndpointSlices, ServiceCIDRs and this node's Node object of a cluster.
///
/// While the API server is unreachable, the last known state stays. Updates are whole state, made
/// on demand: a slow reader gets fewer of them, never a queue.
package actor KubernetesSource {
    package struct Settings: Sendable {
        /// Nil uses the pod's service account.
        package var kubeconfig: String?
        /// Nil is the kubeconfig's `current-context`.
        package var context: String?
        /// API servers that replace those of the kubeconfig or pod, in the order to try.
        package var servers: [String] = []
        package var contentType = APIMediaType.protobuf
        /// Requests per second in the long run.
        package var qps = 5.0
        /// Requests in one burst.
        package var burst = 10
        /// The name of the Node object to watch; empty watches none.
        package var nodeName = ""
        package var serviceProxyName = ""
        package var userAgent = "fairlead"
        /// Called for each request, including those for Events.
        package var observe: @Sendable (RequestOutcome) -> Void = { _ in }
        package var logger: Logger

        package init(logger: Logger) {
            self.logger = logger
        }
    }

    private let settings: Settings
    let following: ReflectorSettings
    nonisolated let connection: APIConnection
    /// A connection to the same servers for an `EventRecorder`; closed with the source.
    package nonisolated let eventConnection: APIConnection
    private let time: Timebase
    private var store: KubernetesStore
    private var states: [KubernetesResource: ResourceState] = [:]
    private var tasks: [Task<Void, Never>] = []
    private var changes = KubernetesStore.Changes()
    /// Of `changes`.
    private var times: ArrivalTimes?
    /// Resources that the server reported as missing or forbidden, even if that has changed since.
    private var absent: Set<KubernetesResource> = []
    /// The unanswered resources of the last update.
    private var reportedUnanswered: Set<KubernetesResource> = []
    private var isFirst = true
    private var isStopped = false
    private var waiter: CheckedContinuation<Void, Never>?

    /// Throws if neither kubeconfig nor pod says how to reach a server.
    package init(_ settings: Settings) throws(ClientError) {
        let environment = ProcessInfo.processInfo.environment
        let read: @Sendable () throws(ClientError) -> ClusterAccess = {
            () throws(ClientError) in
            try KubernetesSource.access(settings, environment: environment)
        }
        try self.init(
            settings,
            access: read(),
            // What a pod has is in files that are read for each request.
            reread: settings.kubeconfig == nil ? nil : read,
            environment: environment
        )
    }

    /// With a given access, and with another clock for tests.
    package init(
        _ settings: Settings,
        access: ClusterAccess,
        reread: (@Sendable () throws(ClientError) -> ClusterAccess)? = nil,
        environment: [String: String] = [:],
        following: ReflectorSettings = ReflectorSettings(),
        time: Timebase = .standard
    ) throws(ClientError) {
        self.settings = settings
        self.following = following
        self.time = time
        var requests = APIConnection.Settings()
        requests.contentType = settings.contentType
        requests.rate = settings.qps
        requests.burst = settings.burst
        requests.userAgent = settings.userAgent
        requests.observe = settings.observe
        connection = APIConnection(
            access,
            reread: reread,
            settings: requests,
            environment: environment,
            time: time,
            logger: settings.logger
        )
        requests.contentType = .json
        requests.rate = 1
        requests.burst = EventQueue.burst
        eventConnection = APIConnection(
            access,
            reread: reread,
            settings: requests,
            environment: environment,
            time: time,
            logger: settings.logger
        )
        store = KubernetesStore(nodeName: settings.nodeName, startTime: .now)
    }

    /// The access according to the settings.
    static func access(
        _ settings: Settings,
        environment: [String: String]
    ) throws(ClientError) -> ClusterAccess {
        var access: ClusterAccess
        if let path = settings.kubeconfig {
            access = try Kubeconfig(path: path).access(context: settings.context)
        } else if settings.servers.isEmpty || ClusterAccess.isPod(environment) {
            access = try .pod(environment: environment)
        } else {
            // No credentials; a server without TLS may need none.
            access = ClusterAccess(servers: [])
        }
        if access.proxy == nil { access.environmentProxies = try ProxyEnvironment(environment) }
        guard !settings.servers.isEmpty else { return access }
        let defaultsToTLS = access.impliesTLS
        access.servers = try settings.servers.map { (text) throws(ClientError) in
            guard let server = ServerAddress(text, defaultsToTLS: defaultsToTLS) else {
                throw ClientError(
                    "API server \(shortText(ClientError(text))): is not an address such as "
                        + "https://10.0.0.1:6443"
                )
            }
            return server
        }
        return access
    }

    /// Watches the cluster until the reading task is cancelled or `stop` is called. The first
    /// update comes when Services and EndpointSlices have been received; every update names the
    /// other resources the server has not answered for yet. Call once.
    package nonisolated func updates() -> AsyncStream<KubernetesUpdate> {
        AsyncStream {
            await self.next()
        } onCancel: {
            Task { await self.stop() }
        }
    }

    package func state() -> KubernetesSourceState {
        KubernetesSourceState(resources: states, isComplete: isComplete)
    }

    /// Reads the kubeconfig again, if there is one; see `APIConnection.renewAccess`.
    package nonisolated func renewAccess() async {
        await connection.renewAccess()
        await eventConnection.renewAccess()
    }

    /// Ends all watches and updates, and closes the connections.
    package func stop() async {
        isStopped = true
        wake()
        let running = tasks
        tasks = []
        for task in running { task.cancel() }
        // A request may wait for a credential plugin, which only this ends.
        await connection.close()
        await eventConnection.close()
        for task in running { await task.value }
    }

    // MARK: - Updates

    private var isComplete: Bool {
        store.hasList(of: .services) && store.hasList(of: .endpointSlices)
    }

    private var unanswered: Set<KubernetesResource> {
        Set(states.keys.filter { !store.hasList(of: $0) && !absent.contains($0) })
    }

    private var hasNews: Bool {
        isComplete && (isFirst || !changes.isEmpty || reportedUnanswered != unanswered)
    }

    private func next() async -> KubernetesUpdate? {
        start()
        while !isStopped, !hasNews {
            await withCheckedContinuation { waiter = $0 }
        }
        guard !isStopped else { return nil }
        let update = SnapshotUpdate(
            snapshot: store.snapshot,
            changed: isFirst ? .all : .some(changes.services),
            removals: changes.removals
        )
        isFirst = false
        changes = KubernetesStore.Changes()
        reportedUnanswered = unanswered
        defer { times = nil }
        var new = KubernetesUpdate(
            update: update,
            node: store.node,
            serviceCIDRs: store.serviceCIDRs,
            triggers: store.takeTriggers(),
            unanswered: reportedUnanswered
        )
        new.times = times
        return new
    }

    private func merge(_ new: KubernetesStore.Changes) {
        changes.services.formUnion(new.services)
        changes.node = changes.node || new.node
        changes.serviceCIDRs = changes.serviceCIDRs || new.serviceCIDRs
        changes.issues = changes.issues || new.issues
        changes.removals.merge(new.removals)
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }

    private func start() {
        guard tasks.isEmpty, !isStopped else { return }
        for resource in KubernetesResource.allCases
        where resource != .nodes || !settings.nodeName.isEmpty {
            let reflector = Reflector(
                resource,
                selectors: Selectors(
                    resource,
                    proxyName: settings.serviceProxyName,
                    nodeName: settings.nodeName
                ),
                decoding: DecodingSettings(serviceProxyName: settings.serviceProxyName),
                settings: following,
                connection: connection,
                sink: self,
                time: time,
                logger: settings.logger
            )
            states[resource] = ResourceState()
            tasks.append(Task { await reflector.run() })
        }
    }
}

extension KubernetesSource: ReflectorSink {
    package func replace(_ resource: KubernetesResource, with objects: [APIObject]) {
        merge(store.replace(resource, with: objects))
        if hasNews { wake() }
    }

    package func apply(
        _ events: [WatchEvent],
        to resource: KubernetesResource,
        times: ArrivalTimes
    ) {
        for event in events { merge(store.apply(event, to: resource)) }
        if !changes.services.isEmpty { self.times = .joined(self.times, times) }
        if hasNews { wake() }
    }

    package func note(_ state: ResourceState, of resource: KubernetesResource) {
        states[resource] = state
        if state.phase == .absent { absent.insert(resource) }
        if hasNews { wake() }
    }
}
