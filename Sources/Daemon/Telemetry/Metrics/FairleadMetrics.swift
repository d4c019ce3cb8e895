/// Metrics that kube-proxy does not have.
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
            "Passes, by kind and result.",
            labels: ["kind", "result"]
        )
        operations = registry.counter(
            "fairlead_operations_total",
            "Kernel objects changed.",
            labels: ["object"] + family
        )
        passOperations = registry.histogram(
            "fairlead_pass_operations",
            "Kernel objects changed by a pass.",
            bounds: MetricHistogram.exponential(1, 4, 10),
            labels: ["kind"]
        )
        conflicts = registry.counter(
            "fairlead_conflicts_total",
            "Writes repeated because another program changed the table in between.",
            labels: family
        )
        drift = registry.counter(
            "fairlead_drift_repaired_total",
            "Objects changed by another program and repaired by a pass.",
            labels: family
        )
        observeSeconds = registry.histogram(
            "fairlead_observe_seconds",
            "Time to read the kernel's state.",
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
            "Time to apply changes to the kernel.",
            bounds: seconds,
            labels: family
        )
        issues = registry.gauge(
            "fairlead_issues",
            "Current problems: objects of a source, requests that cannot be planned, kernel objects, addresses to listen on.",
            labels: ["kind"]
        )
        services = registry.gauge("fairlead_services", "Services served.", labels: family)
        endpoints = registry.gauge(
            "fairlead_endpoints",
            "Endpoints in use, counted once per Service port.",
            labels: family
        )
        sourceLag = registry.histogram(
            "fairlead_source_lag_seconds",
            "Time from a source's update to the end of the pass that applied it.",
            bounds: MetricHistogram.exponential(0.001, 4, 9),
            labels: ["source"]
        )
        held = registry.gauge(
            "fairlead_removal_guard_held_services",
            "Services kept by the removal guard although their source no longer has them."
        )
        held.set(0)
        clusterEvents = registry.counter(
            "fairlead_cluster_events_total",
            "Kubernetes Events, by outcome.",
            labels: ["result"]
        )
        build = registry.gauge(
            "fairlead_build_info",
            "Always 1; the labels give version and mode.",
            labels: ["version", "mode"]
        )
    }
}
