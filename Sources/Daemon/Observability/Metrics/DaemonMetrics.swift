import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Planning
import PrintableText
import ServiceModel
import Telemetry

/// The daemon's metrics, and how they follow from what happens.
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
        var services = 0
        var endpoints = 0
        for name in update.changed.names(previous, update.snapshot) {
            if previous.services[name] != update.snapshot.services[name] { services += 1 }
            if previous.slices[name] != update.snapshot.slices[name] { endpoints += 1 }
        }
        kubeProxy.serviceChanges.add(Double(services))
        kubeProxy.serviceChangesPending.add(Double(services))
        kubeProxy.endpointChanges.add(Double(endpoints))
        kubeProxy.endpointChangesPending.add(Double(endpoints))
    }

    func queued(_ families: [IPFamily], at now: Moment) {
        for family in families { kubeProxy.lastQueued.set(now.wall, family.rawValue) }
    }

    func passed(_ pass: PassReport, at now: Moment) {
        let kind = pass.kind.label
        fairlead.passes.add(1, kind, pass.succeeded ? "ok" : "failed")
        fairlead.passOperations.observe(Double(pass.operations), kind)
        for outcome in pass.families { passed(outcome, pass, at: now) }
        guard pass.succeeded else { return }
        kubeProxy.serviceChangesPending.set(0)
        kubeProxy.endpointChangesPending.set(0)
    }

    private func passed(_ outcome: PassReport.FamilyOutcome, _ pass: PassReport, at now: Moment) {
        let family = outcome.family.rawValue
        guard let report = outcome.report else {
            kubeProxy.failures.add(1, family)
            if pass.kind == .incremental { kubeProxy.partialFailures?.add(1, family) }
            return
        }
        kubeProxy.failures.add(0, family)
        let duration = report.planning + report.observing + report.applying
        kubeProxy.syncSeconds.observe(duration, family)
        (pass.kind == .full ? kubeProxy.fullSyncSeconds : kubeProxy.partialSyncSeconds)?
            .observe(duration, family)
        kubeProxy.lastSync.set(now.wall, family)
        let counts = outcome.counts
        kubeProxy.noLocalEndpoints.set(Double(counts.internalWithoutLocal), "internal", family)
        kubeProxy.noLocalEndpoints.set(Double(counts.externalWithoutLocal), "external", family)
        for (table, count) in outcome.ruleCounts {
            kubeProxy.rules?.set(Double(count), table.rawValue, family)
            // A table is always written whole.
            kubeProxy.lastRules?.set(Double(count), table.rawValue, family)
        }
        fairlead.services.set(Double(counts.services), family)
        fairlead.endpoints.set(Double(counts.endpoints), family)
        fairlead.drift.add(Double(report.drift), family)
        fairlead.conflicts.add(Double(report.apply.conflicts), family)
        for (object, count) in report.operationsByObject where count > 0 {
            fairlead.operations.add(Double(count), object.rawValue, family)
        }
        fairlead.planSeconds.observe(report.planning, family)
        if report.observing > .zero { fairlead.observeSeconds.observe(report.observing, family) }
        if report.applying > .zero { fairlead.applySeconds.observe(report.applying, family) }
    }
}
