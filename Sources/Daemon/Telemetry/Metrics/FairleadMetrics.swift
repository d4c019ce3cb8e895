/// What kube-proxy has no metric for.
package struct FairleadMetrics: Sendable {
    package let passes: MetricValues
    package let operations: MetricValues
    package let passOperations: MetricHistogram
    package let conflicts: MetricValues
    package let drift: MetricValues
    package let observeSeconds: MetricHistogram
    package let planSeconds: MetricHistogram
    package let applySeconds: MetricHistogram
    package let issues: MetricValues
    package let services: MetricValues
    package let endpoints: MetricValues
    package let sourceLag: MetricHistogram
    package let held: MetricValues
    package let clusterEvents: MetricValues
    package let build: MetricValues

    package init(_ registry: MetricRegistry) {
        let family = ["ip_family"]
        let seconds = MetricHistogram.exponential(0.0001, 4, 10)
        passes = registry.counter(
            "fairlead_passes_total",
            "Passes, by what they did and how they ended.",
            labels: ["kind", "result"]
        )
        operations = registry.counter(
            "fairlead_operations_total",
            "Changed kernel objects.",
            labels: ["object"] + family
        )
        passOperations = registry.histogram(
            "fairlead_pass_operations",
            "Changed kernel objects of one pass.",
            bounds: MetricHistogram.exponential(1, 4, 10),
            labels: ["kind"]
        )
        conflicts = registry.counter(
            "fairlead_conflicts_total",
            "Writes that were repeated because another program changed the table meanwhile.",
            labels: family
        )
        drift = registry.counter(
            "fairlead_drift_repaired_total",
            "Objects that another program had changed and a pass put back.",
            labels: family
        )
        observeSeconds = registry.histogram(
            "fairlead_observe_seconds",
            "Time to read what is in the kernel.",
            bounds: seconds,
            labels: family
        )
        planSeconds = registry.histogram(
            "fairlead_plan_seconds",
            "Time to select endpoints and plan.",
            bounds: seconds,
            labels: family
        )
        applySeconds = registry.histogram(
            "fairlead_apply_seconds",
            "Time to change the kernel.",
            bounds: seconds,
            labels: family
        )
        issues = registry.gauge(
            "fairlead_issues",
            "What is wrong now: with objects of a source, with wishes that cannot be planned, with kernel objects, with addresses to listen on.",
            labels: ["kind"]
        )
        services = registry.gauge("fairlead_services", "Services served.", labels: family)
        endpoints = registry.gauge(
            "fairlead_endpoints",
            "Endpoints that Service ports use, each counted for each port.",
            labels: family
        )
        sourceLag = registry.histogram(
            "fairlead_source_lag_seconds",
            "Time from a source's news to the end of the pass that applied it.",
            bounds: MetricHistogram.exponential(0.001, 4, 9),
            labels: ["source"]
        )
        held = registry.gauge(
            "fairlead_removal_guard_held_services",
            "Services that the removal guard keeps though their source has lost them."
        )
        held.set(0)
        clusterEvents = registry.counter(
            "fairlead_cluster_events_total",
            "Events for the cluster, by what became of them.",
            labels: ["result"]
        )
        build = registry.gauge(
            "fairlead_build_info",
            "Always 1; the labels say what runs.",
            labels: ["version", "mode"]
        )
    }
}
