import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Glibc
import HTTPServing
import HealthChecking
import HostFacts
import InstalledModes
import KubernetesClient
import Logging
import Planning
import Reconciling
import ServiceModel
import Synchronization
import Telemetry

/// What the daemon tells the world: health, metrics and status, each from values that passes leave
/// behind. Nothing that is asked here makes a pass wait.
final class DaemonTelemetry: Sendable {
    let health: Telemetry.HealthState
    let metrics: DaemonMetrics
    let traffic: TrafficReader
    /// Nil if no cluster is asked.
    let events: EventRecorder?
    private let published: Mutex<DaemonSnapshot>
    /// When the oldest news of each source came that no pass has applied yet.
    private let waiting = Mutex<[String: Moment]>([:])
    let confirm = Mutex<(@Sendable () async -> Int?)?>(nil)
    private let listeners: HTTPListeners
    private let server = HTTPServer()
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation
    private static let healthPurpose = "health"
    /// How often an address that could not be had is tried again.
    private static let retryInterval = Duration.seconds(5)

    /// `configuration` has the mode that was chosen; `registry` may have metrics already.
    init(
        _ configuration: DaemonConfiguration,
        families: [IPFamily],
        events: EventRecorder? = nil,
        registry: MetricRegistry = MetricRegistry()
    ) {
        self.events = events
        health = Telemetry.HealthState(deadline: Self.deadline(configuration))
        metrics = DaemonMetrics(mode: configuration.chosenMode, registry)
        traffic = TrafficReader(configuration, families)
        published = Mutex(DaemonSnapshot(configuration: configuration, families: families))
        (wishes, wish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let namespace = configuration.networkNamespace
        listeners = HTTPListeners(server) { address in
            try Self.open(address, in: namespace)
        }
        health.start(families)
        // A client that goes away is no reason to end.
        signal(SIGPIPE, SIG_IGN)
    }

    /// kube-proxy's 2 × sync period, which is the time to the next try after a failure.
    private static func deadline(_ configuration: DaemonConfiguration) -> Duration {
        max(configuration.reconcile.maxRetryInterval * 2, .seconds(10))
    }

    /// The node's servers listen where its Services are; the status socket is a file.
    private static func open(
        _ address: ListeningAddress,
        in namespace: String?
    ) throws -> Int32 {
        guard let namespace, address.isOnNetwork else { return try ListeningSocket.open(address) }
        return try NetworkNamespace.withNamespace(namespace) {
            Result { () throws(ListeningError) in try ListeningSocket.open(address) }
        }
        .get()
    }

    /// The state as of the last pass.
    var snapshot: DaemonSnapshot { published.withLock { $0 } }

    // MARK: - What the daemon tells

    /// A source brought news, which are to be programmed.
    func received(
        _ update: SnapshotUpdate,
        from source: String,
        over previous: ServiceSnapshot,
        isDue: Bool,
        at now: Moment = .now
    ) {
        let families = published.withLock { published in
            published.sources[source] = now
            published.services.issues = update.snapshot.issues
            return published.families
        }
        metrics.received(update, over: previous)
        metrics.queued(families, at: now)
        if isDue { health.queued(at: now) }
        waiting.withLock { $0[source] = $0[source] ?? now }
    }

    /// The removal guard holds Services, or none.
    func held(_ hold: MassRemovalGuard.Hold?) {
        published.withLock { $0.hold = hold }
        metrics.fairlead.held.set(Double(hold?.services ?? 0))
    }

    /// What `fairlead confirm` asks for; answers how many Services were held back, nil if
    /// the daemon stops first.
    func onConfirm(_ confirm: @escaping @Sendable () async -> Int?) {
        self.confirm.withLock { $0 = confirm }
    }

    /// A pass has ended, which brought the kernel to what `services` asks for, or failed.
    func passed(_ report: PassReport, _ services: ServiceSnapshot, at now: Moment = .now) {
        published.withLock { published in
            published.services = services
            published.lastPass = report
            published.lastPassEnded = now
            published.passes += 1
            published.driftRepaired += report.drift
            if report.drift > 0 { published.lastDrift = now }
            if report.succeeded { published.lastSuccess = now } else { published.failedPasses += 1 }
        }
        metrics.passed(report, at: now)
        let began = now.advanced(by: report.began - now.instant)
        for outcome in report.families {
            if outcome.report == nil {
                health.failed(outcome.family, began: began, problem: outcome.error?.advice)
            } else {
                health.updated(outcome.family, began: began, at: now)
            }
        }
        if report.succeeded {
            let applied = waiting.withLock { waiting in
                defer { waiting = waiting.filter { $0.value.instant > report.began } }
                return waiting.filter { $0.value.instant <= report.began }
            }
            for (source, since) in applied {
                metrics.fairlead.sourceLag.observe(now.seconds(since: since), source)
            }
        }
        wish.yield()
    }

    /// How following the cluster goes.
    func setCluster(_ status: ClusterStatus) {
        published.withLock { $0.cluster = status }
    }

    /// Who probes endpoints.
    func setChecker(_ checker: HealthChecker) {
        published.withLock { $0.healthChecks.checker = checker }
    }

    /// What became of the Services by the health of their endpoints.
    func filtered(_ filter: HealthFilter) {
        let panics = filter.withoutHealthyEndpoint
        published.withLock { published in
            published.healthChecks.services = filter.raw
            published.healthChecks.withoutHealthyEndpoint = panics
        }
    }

    func reconfigured(_ configuration: DaemonConfiguration) {
        published.withLock { published in
            let mode = published.configuration.mode
            published.configuration = configuration
            published.configuration.mode = mode
        }
        health.setDeadline(Self.deadline(configuration))
        wish.yield()
    }

    // MARK: - Servers

    /// Opens the addresses that are configured; one that has to be had and cannot is an error.
    func listen() async throws {
        await listeners.update(wanted())
        let configuration = snapshot.configuration
        for (name, reason) in await listeners.failures {
            let server: DaemonConfiguration.Server? =
                switch name.purpose {
                case Self.healthPurpose: configuration.health
                case "metrics": configuration.metrics
                default: nil
                }
            guard server?.bindFailure == .fatal else { continue }
            throw CommandFailure("\(name): \(reason)")
        }
    }

    /// Takes leave: nobody is answered any more.
    func stop() async { await listeners.close() }

    /// Keeps the servers as the configuration and the Services want them, until it is cancelled.
    func keepListening(_ logger: Logger) async {
        var known = await complain([:], logger)
        let ticks = Task { [wish] in
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.retryInterval)
                wish.yield()
            }
        }
        defer { ticks.cancel() }
        for await _ in wishes {
            await listeners.update(wanted())
            known = await complain(known, logger)
        }
    }

    /// Logs what cannot be listened on and was not so before, and tells the cluster.
    private func complain(
        _ known: [HTTPListeners.Name: String],
        _ logger: Logger
    ) async -> [HTTPListeners.Name: String] {
        let failures = await listeners.failures
        for (name, reason) in failures where known[name] != reason {
            logger.warning(
                "Failed to listen, will retry",
                metadata: ["server": "\(name.purpose)", "reason": "\(reason)"]
            )
            if let events, let event = listeningEvent(name, reason) { events.record(event) }
        }
        return failures
    }

    /// Nil for a server that is none of the cluster's business.
    private func listeningEvent(_ name: HTTPListeners.Name, _ reason: String) -> ClusterEvent? {
        if name.purpose == Self.healthPurpose { return .healthAddressTaken(reason) }
        let snapshot = snapshot
        let service = snapshot.lastPass?.families.lazy.flatMap(\.healthChecks.keys)
            .first { Self.healthCheckPurpose($0) == name.purpose }
        guard let service, snapshot.services.services[service]?.origin == .cluster else {
            return nil
        }
        return .healthCheckPortTaken(service, reason)
    }

    /// What cannot be listened on, with reasons.
    func listeningProblems() async -> [String] {
        await listeners.failures.map { "\($0.key.purpose): \($0.value)" }.sorted()
    }

    var healthPages: HTTPRoutes {
        let kubeProxy = metrics.kubeProxy
        return HealthPages(health, healthz: kubeProxy.healthz, livez: kubeProxy.livez).routes
    }

    private func wanted() -> [HTTPListeners.Name: HTTPAnswer] {
        let snapshot = snapshot
        var wanted = healthChecks(snapshot)
        func add(_ purpose: String, _ server: DaemonConfiguration.Server, _ routes: HTTPRoutes) {
            guard let address = server.address else { return }
            let place: ListeningAddress =
                address.address.isUnspecified
                ? .everywhere(address.port) : .address(address.address, address.port)
            wanted[.init(purpose, place)] = routes.answer
        }
        add(Self.healthPurpose, snapshot.configuration.health, healthPages)
        add("metrics", snapshot.configuration.metrics, metricsPages)
        if let path = snapshot.configuration.status.socket {
            wanted[.init("status", .unix(path))] = statusPages.answer
        }
        return wanted
    }

    /// A server for each Service that asks for one, on the addresses that accept node ports.
    private func healthChecks(_ snapshot: DaemonSnapshot) -> [HTTPListeners.Name: HTTPAnswer] {
        var wanted: [HTTPListeners.Name: HTTPAnswer] = [:]
        guard let pass = snapshot.lastPass, let settings = pass.settings else { return wanted }
        for outcome in pass.families {
            let family = outcome.family
            let addresses = settings.listeningAddresses(family)
            let services = snapshot.services.services
            // A held Service keeps no port from one that its source still has.
            let held = outcome.healthChecks.keys.filter { services[$0]?.isHeld == true }
            let others = outcome.healthChecks.filter { !held.contains($0.key) }
            let taken = Set(others.values.map(\.port))
            for (name, check) in outcome.healthChecks
            where !held.contains(name) || !taken.contains(check.port) {
                for address in addresses {
                    let listener = HTTPListeners.Name(
                        Self.healthCheckPurpose(name),
                        .address(address, check.port)
                    )
                    wanted[listener] = { [self] _ in serviceHealth(name, family) }
                }
            }
        }
        return wanted
    }

    private static func healthCheckPurpose(_ name: ServiceName) -> String {
        "health check of \(name)"
    }

    private func serviceHealth(_ name: ServiceName, _ family: IPFamily) -> HTTPResponse {
        let outcome = snapshot.lastPass?.families.first { $0.family == family }
        let count = outcome?.healthChecks[name]?.readyHere ?? 0
        return ServiceHealth(name: name, localEndpoints: count)
            .page(isProxyHealthy: health.verdict().isLive)
    }
}

extension ListeningAddress {
    fileprivate var isOnNetwork: Bool {
        if case .unix = self { false } else { true }
    }
}
