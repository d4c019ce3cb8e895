import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Planning
import PrintableText
import ServiceModel
import Telemetry

/// The daemon's metrics, and how events change them.
struct DaemonMetrics: Sendable {
    let registry: MetricRegistry
    let kubeProxy: KubeProxyMetrics
    let fairlead: FairleadMetrics
    private let features: MetricValues

    init(mode: ProxyMode, _ registry: MetricRegistry = MetricRegistry()) {
        self.registry = registry
        kubeProxy = KubeProxyMetrics(registry, mode: mode)
        fairlead = FairleadMetrics(registry)
        features = registry.gauge(
            "kubernetes_feature_enabled",
            "1 if a feature gate of the configuration is on.",
            labels: ["name", "stage"]
        )
        fairlead.build.set(1, Version.text, mode.rawValue)
    }

    /// kube-proxy's feature gates as they are set.
    func setFeatureGates(_ gates: [String: Bool]) {
        for (name, isOn) in gates {
            features.set(isOn ? 1 : 0, printable(name), FeatureGates.stage(of: name))
        }
    }

    /// The time from a change in the cluster to the end of the pass that programmed it.
    func observeNetworkProgramming(_ seconds: Double, _ family: IPFamily) {
        kubeProxy.networkProgramming.observe(seconds, family.rawValue)
    }

    /// One search for stale flows.
    func observeConntrack(deleted: Int, _ duration: Duration, _ family: IPFamily) {
        kubeProxy.conntrackDeleted.add(Double(deleted), family.rawValue)
        kubeProxy.conntrackSeconds.observe(duration, family.rawValue)
    }

    /// A source brought news.
    func received(_ update: SnapshotUpdate, over previous: ServiceSnapshot) {
        let (services, endpoints) = Self.changes(update, over: previous)
        kubeProxy.serviceChanges.add(Double(services))
        kubeProxy.serviceChangesPending.add(Double(services))
        kubeProxy.endpointChanges.add(Double(endpoints))
        kubeProxy.endpointChangesPending.add(Double(endpoints))
    }

    /// The Services that changed, and those whose endpoints did.
    private static func changes(
        _ update: SnapshotUpdate,
        over previous: ServiceSnapshot
    ) -> (services: Int, endpoints: Int) {
        let now = update.snapshot
        if previous.services.isEmpty, previous.slices.isEmpty, update.changed == .all {
            return (now.services.count, now.slices.count)
        }
        var services = 0
        var endpoints = 0
        for name in update.changed.names(previous, now) {
            if previous.services[name] != now.services[name] { services += 1 }
            if previous.slices[name] != now.slices[name] { endpoints += 1 }
        }
        return (services, endpoints)
    }

    func queued(_ families: [IPFamily], at now: Moment) {
        for family in families { kubeProxy.passes.lastQueued.set(now.wall, family.rawValue) }
    }

    /// A pass has ended.
    func passed(_ pass: PassReport, at now: Moment) {
        fairlead.passed(pass)
        for outcome in pass.families { passed(outcome, pass.kind, at: now) }
        guard pass.succeeded else { return }
        kubeProxy.serviceChangesPending.set(0)
        kubeProxy.endpointChangesPending.set(0)
    }

    private func passed(_ outcome: PassReport.FamilyOutcome, _ kind: PassKind, at now: Moment) {
        if outcome.isDeferred { return }
        let family = outcome.family.rawValue
        let passes = kubeProxy.passes
        guard let report = outcome.report else {
            passes.failures.add(1, family)
            if kind == .incremental { passes.partialFailures.add(1, family) }
            return
        }
        passes.failures.add(0, family)
        let duration = report.planning + report.observing + report.applying
        passes.seconds.observe(duration, family)
        (kind.repairs ? passes.fullSeconds : passes.partialSeconds).observe(duration, family)
        passes.last.set(now.wall, family)
        let counts = outcome.counts
        kubeProxy.noLocalEndpoints.set(Double(counts.internalWithoutLocal), "internal", family)
        kubeProxy.noLocalEndpoints.set(Double(counts.externalWithoutLocal), "external", family)
        for (table, count) in outcome.ruleCounts {
            passes.rules.set(Double(count), table.rawValue, family)
            // A table is always written whole.
            passes.lastRules.set(Double(count), table.rawValue, family)
        }
    }
}
