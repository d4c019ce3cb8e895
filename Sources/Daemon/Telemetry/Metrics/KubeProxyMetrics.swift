package import DataplaneModel

/// kube-proxy's metrics under the same names, with the same labels and buckets, so that its
/// dashboards and alerts work (`pkg/proxy/metrics`).
package struct KubeProxyMetrics: Sendable {
    package let syncSeconds: MetricHistogram
    /// Nil in mode ipvs, as in kube-proxy.
    package let fullSyncSeconds: MetricHistogram?
    package let partialSyncSeconds: MetricHistogram?
    package let lastSync: MetricValues
    package let lastQueued: MetricValues
    package let networkProgramming: MetricHistogram
    package let endpointChangesPending: MetricValues
    package let endpointChanges: MetricValues
    package let serviceChangesPending: MetricValues
    package let serviceChanges: MetricValues
    package let noLocalEndpoints: MetricValues
    package let failures: MetricValues
    /// Mode iptables.
    package let partialFailures: MetricValues?
    package let rules: MetricValues?
    package let lastRules: MetricValues?
    package let conntrackSeconds: MetricHistogram
    package let conntrackDeleted: MetricValues
    package let healthz: MetricValues
    package let livez: MetricValues

    private static let family = ["ip_family"]

    package init(_ registry: MetricRegistry, mode: ProxyMode) {
        let seconds = MetricHistogram.exponential(0.001, 2, 15)
        func counter(_ name: String, _ help: String, _ labels: [String] = []) -> MetricValues {
            registry.counter("kubeproxy_\(name)", help, labels: labels)
        }
        func gauge(_ name: String, _ help: String, _ labels: [String] = []) -> MetricValues {
            registry.gauge("kubeproxy_\(name)", help, labels: labels)
        }
        func duration(_ name: String, _ help: String) -> MetricHistogram {
            registry.histogram("kubeproxy_\(name)", help, bounds: seconds, labels: Self.family)
        }
        let sync = "sync_proxy_rules"
        syncSeconds = duration("\(sync)_duration_seconds", "Time a pass took.")
        let hasPartial = mode != .ipvs
        fullSyncSeconds =
            hasPartial
            ? duration("sync_full_proxy_rules_duration_seconds", "Time a full pass took.") : nil
        partialSyncSeconds =
            hasPartial
            ? duration(
                "sync_partial_proxy_rules_duration_seconds",
                "Time an incremental pass took."
            )
            : nil
        lastSync = gauge(
            "\(sync)_last_timestamp_seconds",
            "When a pass last succeeded.",
            Self.family
        )
        lastQueued = gauge(
            "\(sync)_last_queued_timestamp_seconds",
            "When a pass was last requested.",
            Self.family
        )
        networkProgramming = registry.histogram(
            "kubeproxy_network_programming_duration_seconds",
            "Time from a change in the cluster until it is programmed on this node.",
            // kube-proxy has a bucket of 0 too: its merged list of buckets begins with one.
            bounds: [0, 0.25, 0.5] + MetricHistogram.linear(1, 1, 59)
                + MetricHistogram.linear(60, 5, 12) + MetricHistogram.linear(120, 30, 7),
            labels: Self.family
        )
        endpointChangesPending = gauge(
            "\(sync)_endpoint_changes_pending",
            "Services whose endpoints changed since the last pass."
        )
        endpointChanges = counter(
            "\(sync)_endpoint_changes_total",
            "Changes to the endpoints of Services."
        )
        serviceChangesPending = gauge(
            "\(sync)_service_changes_pending",
            "Services that changed since the last pass."
        )
        serviceChanges = counter("\(sync)_service_changes_total", "Changes to Services.")
        noLocalEndpoints = gauge(
            "\(sync)_no_local_endpoints_total",
            "Service ports with policy Local whose endpoints are all on other nodes.",
            ["traffic_policy", "ip_family"]
        )
        let kernel = mode == .nftables ? "nftables_sync" : "iptables_restore"
        failures = counter("\(sync)_\(kernel)_failures_total", "Failed passes.", Self.family)
        if mode == .nftables {
            // Leftovers are removed by the next transaction; there is no separate cleanup that
            // could fail.
            let cleanup = counter(
                "\(sync)_nftables_cleanup_failures_total",
                "Failures to remove objects that are no longer needed.",
                Self.family
            )
            cleanup.add(0, "IPv4")
            cleanup.add(0, "IPv6")
        }
        let hasTables = mode == .iptables
        partialFailures =
            hasTables
            ? counter(
                "\(sync)_iptables_partial_restore_failures_total",
                "Failed incremental passes.",
                Self.family
            ) : nil
        rules =
            hasTables
            ? gauge(
                "\(sync)_iptables_total",
                "Fairlead's rules in a table.",
                ["table", "ip_family"]
            )
            : nil
        lastRules =
            hasTables
            ? gauge(
                "\(sync)_iptables_last",
                "Fairlead's rules that the last pass wrote.",
                ["table", "ip_family"]
            ) : nil
        conntrackSeconds = duration(
            "conntrack_reconciler_sync_duration_seconds",
            "Time to find and delete stale conntrack entries."
        )
        conntrackDeleted = counter(
            "conntrack_reconciler_deleted_entries_total",
            "Stale conntrack entries deleted.",
            Self.family
        )
        healthz = counter("proxy_healthz_total", "Responses of /healthz.", ["code"])
        livez = counter("proxy_livez_total", "Responses of /livez.", ["code"])
    }
}
