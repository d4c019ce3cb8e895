package import Addressing
package import DaemonConfiguration
import Dataplane
import Glibc
import HTTPServing
package import HealthChecking
import HostFacts
import InstalledModes
package import KubernetesClient
import Planning
import Reconciling
import ServiceModel
import Synchronization
package import Telemetry

/// Health, metrics and status of the daemon, as of the last turn of its loop. Requests never delay a
/// pass.
package final class DaemonView: Sendable {
    let health: DaemonHealth
    let metrics: DaemonMetrics
    let traffic: TrafficReader
    /// As of the start.
    let nodeName: String
    /// Nil if no cluster is configured.
    let events: EventRecorder?
    let confirm: @Sendable () async -> Int?
    /// Has the loop look at the daemon's parts.
    let refresh: @Sendable () -> Void
    let listeners: HTTPListeners
    /// An element whenever the listeners may have to change.
    let listenerUpdates: AsyncStream<Void>
    let updateListeners: AsyncStream<Void>.Continuation
    /// Of the metrics server, where any user of the node may ask.
    let paced = PacedPages()
    private let published: Mutex<DaemonSnapshot>

    /// - Parameters:
    ///   - configuration: with the chosen mode.
    ///   - families: those that are served.
    ///   - events: records Events for the cluster.
    ///   - checker: for the state of endpoints that are probed.
    ///   - registry: may have metrics already.
    ///   - confirm: confirms what the removal guard holds; returns how many Services were held, or nil if
    ///     the daemon stops first.
    ///   - refresh: has the loop look at the daemon's parts, so that another turn follows soon.
    package init(
        _ configuration: DaemonConfiguration,
        families: [IPFamily],
        events: EventRecorder? = nil,
        checker: HealthChecker? = nil,
        registry: MetricRegistry = MetricRegistry(),
        confirm: @escaping @Sendable () async -> Int? = { nil },
        refresh: @escaping @Sendable () -> Void = {}
    ) {
        self.events = events
        self.confirm = confirm
        self.refresh = refresh
        health = DaemonHealth(deadline: configuration.reconcile.silenceLimit)
        nodeName = configuration.nodeName
        metrics = DaemonMetrics(mode: configuration.chosenMode, registry)
        traffic = TrafficReader(configuration, families)
        var snapshot = DaemonSnapshot(configuration: configuration, families: families)
        snapshot.healthChecks.checker = checker
        published = Mutex(snapshot)
        (listenerUpdates, updateListeners) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(1)
        )
        let namespace = configuration.networkNamespace
        listeners = HTTPListeners(HTTPServer()) { address in
            try await Self.open(address, in: namespace)
        }
        health.start(families)
    }

    /// kube-proxy's feature gates as they are set, for the metrics.
    package func setFeatureGates(_ gates: [String: Bool]) { metrics.setFeatureGates(gates) }

    /// The state as of the last turn.
    var snapshot: DaemonSnapshot { published.withLock { $0 } }

    /// Call it from one task only.
    func publish(_ change: (inout DaemonSnapshot) -> Void) { published.withLock { change(&$0) } }

    var healthPages: HTTPRoutes {
        let kubeProxy = metrics.kubeProxy
        let pages = HealthPages(health, healthz: kubeProxy.healthz, livez: kubeProxy.livez)
        return pages.routes.after { [self] in await bringUpToDate() }
    }

    /// What is known may be as old as this: a daemon at rest rarely looks at its parts.
    private static let freshness = Duration.seconds(1)
    /// How long a page waits for a loop that is busy; then it shows what was known before.
    private static let patience = Duration.milliseconds(500)

    /// Waits until the loop has looked at the daemon's parts, if that was long ago.
    func bringUpToDate() async {
        guard !health.hasBeat(within: Self.freshness) else { return }
        _ = await valueInTime(Self.patience) { [self] in
            await health.nextBeat(asking: refresh)
        }
    }
}
