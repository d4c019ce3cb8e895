package import DataplaneModel

/// kube-proxy's metrics under the same names, with the same labels and buckets, so that its
/// dashboards and alerts work (`pkg/proxy/metrics`).
package struct KubeProxyMetrics: Sendable {
    package let passes: Passes
    package let networkProgramming: MetricHistogram
    package let endpointChangesPending: MetricValues
    package let endpointChanges: MetricValues
    package let serviceChangesPending: MetricValues
    package let serviceChanges: MetricValues
    package let noLocalEndpoints: MetricValues
    package let conntrackSeconds: MetricHistogram
    package let conntrackDeleted: MetricValues
    package let healthz: MetricValues
    package let livez: MetricValues

    /// `registry` gets the metrics that kube-proxy has in `mode`.
    package init(_ registry: MetricRegistry, mode: ProxyMode) {
        let sync = Maker(registry, "sync_proxy_rules_")
        let conntrack = Maker(registry, "conntrack_reconciler_")
        let proxy = Maker(registry, "proxy_")
        passes = Passes(registry, mode)
        networkProgramming = registry.histogram(
            "kubeproxy_network_programming_duration_seconds",
            "Time from a change in the cluster until it is programmed on this node.",
            // kube-proxy has a bucket of 0 too: its merged list of buckets begins with one.
            bounds: [0, 0.25, 0.5] + MetricHistogram.linear(1, 1, 59)
                + MetricHistogram.linear(60, 5, 12) + MetricHistogram.linear(120, 30, 7),
            labels: ["ip_family"]
        )
        endpointChangesPending = sync.gauge(
            "endpoint_changes_pending",
            "Services whose endpoints changed since the last pass."
        )
        endpointChanges = sync.counter(
            "endpoint_changes_total",
            "Changes to the endpoints of Services."
        )
        serviceChangesPending = sync.gauge(
            "service_changes_pending",
            "Services that changed since the last pass."
        )
        serviceChanges = sync.counter("service_changes_total", "Changes to Services.")
        noLocalEndpoints = sync.gauge(
            "no_local_endpoints_total",
            "Service ports with policy Local whose endpoints are all on other nodes.",
            "traffic_policy",
            "ip_family"
        )
        conntrackSeconds = conntrack.duration(
            "sync_duration_seconds",
            "Time to find and delete stale conntrack entries."
        )
        conntrackDeleted = conntrack.counter(
            "deleted_entries_total",
            "Stale conntrack entries deleted.",
            "ip_family"
        )
        healthz = proxy.counter("healthz_total", "Responses of /healthz.", "code")
        livez = proxy.counter("livez_total", "Responses of /livez.", "code")
    }
}

extension KubeProxyMetrics {
    /// About passes, by family.
    package struct Passes: Sendable {
        package let seconds: MetricHistogram
        /// Hidden in mode ipvs.
        package let fullSeconds: MetricHistogram
        package let partialSeconds: MetricHistogram
        package let last: MetricValues
        package let lastQueued: MetricValues
        package let failures: MetricValues
        /// Hidden in all modes but iptables.
        package let partialFailures: MetricValues
        package let rules: MetricValues
        package let lastRules: MetricValues

        init(_ registry: MetricRegistry, _ mode: ProxyMode) {
            let family = "ip_family"
            // What kube-proxy lacks in a mode is counted too, and never shown.
            func shown(_ isShown: Bool) -> MetricRegistry {
                isShown ? registry : MetricRegistry()
            }
            let sync = Maker(registry, "sync_proxy_rules_")
            let kinds = Maker(shown(mode != .ipvs), "sync_")
            let tables = Maker(shown(mode == .iptables), "sync_proxy_rules_iptables_")
            seconds = sync.duration("duration_seconds", "Time a pass took.")
            fullSeconds = kinds.duration(
                "full_proxy_rules_duration_seconds",
                "Time a full pass took."
            )
            partialSeconds = kinds.duration(
                "partial_proxy_rules_duration_seconds",
                "Time an incremental pass took."
            )
            last = sync.gauge("last_timestamp_seconds", "When a pass last succeeded.", family)
            lastQueued = sync.gauge(
                "last_queued_timestamp_seconds",
                "When a pass was last requested.",
                family
            )
            let kernel = mode == .nftables ? "nftables_sync" : "iptables_restore"
            failures = sync.counter("\(kernel)_failures_total", "Failed passes.", family)
            partialFailures = tables.counter(
                "partial_restore_failures_total",
                "Failed incremental passes.",
                family
            )
            rules = tables.gauge("total", "Fairlead's rules in a table.", "table", family)
            lastRules = tables.gauge(
                "last",
                "Fairlead's rules that the last pass wrote.",
                "table",
                family
            )
            // The next transaction removes leftovers: no separate cleanup could fail.
            let cleanup = Maker(shown(mode == .nftables), "sync_proxy_rules_nftables_")
                .counter(
                    "cleanup_failures_total",
                    "Failures to remove objects that are no longer needed.",
                    family
                )
            cleanup.add(0, "IPv4")
            cleanup.add(0, "IPv6")
        }
    }

    /// Makes metrics whose names begin alike.
    private struct Maker {
        private let registry: MetricRegistry
        private let prefix: String

        init(_ registry: MetricRegistry, _ prefix: String) {
            self.registry = registry
            self.prefix = "kubeproxy_\(prefix)"
        }

        func counter(_ name: String, _ help: String, _ labels: String...) -> MetricValues {
            registry.counter(prefix + name, help, labels: labels)
        }

        func gauge(_ name: String, _ help: String, _ labels: String...) -> MetricValues {
            registry.gauge(prefix + name, help, labels: labels)
        }

        /// By family.
        func duration(_ name: String, _ help: String) -> MetricHistogram {
            registry.histogram(
                prefix + name,
                help,
                bounds: MetricHistogram.exponential(0.001, 2, 15),
                labels: ["ip_family"]
            )
        }
    }
}
