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

/// What the daemon shows of itself: health, metrics and status, from values that turns of the loop leave
/// behind. A request never makes a pass wait.
package final class DaemonView: Sendable {
    let health: DaemonHealth
    let metrics: DaemonMetrics
    let traffic: TrafficReader
    /// Nil if no cluster is asked.
    let events: EventRecorder?
    let confirm: @Sendable () async -> Int?
    let listeners: HTTPListeners
    /// An element when the listeners may have to be others.
    let listenerUpdates: AsyncStream<Void>
    let updateListeners: AsyncStream<Void>.Continuation
    private let published: Mutex<DaemonSnapshot>
    /// kube-proxy's 2 × sync period, which is the time to the next try after a failure.
    static func deadline(_ configuration: DaemonConfiguration) -> Duration {
        max(configuration.reconcile.maxRetryInterval * 2, .seconds(10))
    }

    /// - Parameters:
    ///   - configuration: with the mode that was chosen.
    ///   - families: those that are served.
    ///   - events: for what the cluster is to know.
    ///   - checker: for the state of endpoints that are probed.
    ///   - registry: may have metrics already.
    ///   - confirm: confirms what the removal guard holds; how many Services that were, nil if the daemon
    ///     stops first.
    package init(
        _ configuration: DaemonConfiguration,
        families: [IPFamily],
        events: EventRecorder? = nil,
        checker: HealthChecker? = nil,
        registry: MetricRegistry = MetricRegistry(),
        confirm: @escaping @Sendable () async -> Int? = { nil }
    ) {
        self.events = events
        self.confirm = confirm
        health = DaemonHealth(deadline: Self.deadline(configuration))
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

    /// To be called by one task: turns come one after the other.
    func publish(_ change: (inout DaemonSnapshot) -> Void) { published.withLock { change(&$0) } }

    var healthPages: HTTPRoutes {
        let kubeProxy = metrics.kubeProxy
        return HealthPages(health, healthz: kubeProxy.healthz, livez: kubeProxy.livez).routes
    }
}
