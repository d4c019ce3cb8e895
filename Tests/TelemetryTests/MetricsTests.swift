import DataplaneModel
import Foundation
import HTTPServing
import NamespaceLab
import Telemetry
import Testing

@Suite("Metrics")
struct MetricsTests {
    @Test("Counters, gauges and histograms have the text they should")
    func text() {
        let registry = MetricRegistry()
        let counter = registry.counter("b_total", "Counts \"this\".\nAnd that.", labels: ["name"])
        counter.add(2, "a\\b\"c\nd")
        registry.gauge("a", "A gauge.").set(0.5)
        let histogram = registry.histogram("c", "Takes time.", bounds: [0.5, 1])
        for value in [0.1, 0.5, 0.7, 3] { histogram.observe(value) }
        #expect(
            MetricText.prometheus.render(registry.read()) == """
                # HELP a A gauge.
                # TYPE a gauge
                a 0.5
                # HELP b_total Counts "this".\\nAnd that.
                # TYPE b_total counter
                b_total{name="a\\\\b\\"c\\nd"} 2
                # HELP c Takes time.
                # TYPE c histogram
                c_bucket{le="0.5"} 2
                c_bucket{le="1"} 3
                c_bucket{le="+Inf"} 4
                c_sum 4.3
                c_count 4

                """
        )
        #expect(
            MetricText.openMetrics.render(registry.read()) == """
                # HELP a A gauge.
                # TYPE a gauge
                a 0.5
                # HELP b Counts \\"this\\".\\nAnd that.
                # TYPE b counter
                b_total{name="a\\\\b\\"c\\nd"} 2
                # HELP c Takes time.
                # TYPE c histogram
                c_bucket{le="0.5"} 2
                c_bucket{le="1.0"} 3
                c_bucket{le="+Inf"} 4
                c_sum 4.3
                c_count 4
                # EOF

                """
        )
    }

    @Test(
        "The client's preference decides about the format",
        arguments: [
            ("", MetricText.prometheus), ("*/*", .prometheus), ("text/html", .prometheus),
            ("application/openmetrics-text", .openMetrics),
            (
                "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5",
                .openMetrics
            ),
            ("application/openmetrics-text;version=2.0.0,text/plain;q=0.5", .prometheus),
            ("application/openmetrics-text;q=0.3, text/plain;q=0.5", .prometheus),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
                .openMetrics
            ),
        ]
    )
    func negotiation(accept: String, format: MetricText) {
        #expect(MetricText(accept: accept) == format)
    }

    /// kube-proxy 1.36: name, type and labels. Those of nfacct, of packets that Fairlead has no
    /// such counters for, are not among them.
    private static let kubeProxy: [(name: String, type: String, modes: String)] = [
        ("sync_proxy_rules_duration_seconds", "histogram", "iptables ipvs nftables"),
        ("sync_full_proxy_rules_duration_seconds", "histogram", "iptables nftables"),
        ("sync_partial_proxy_rules_duration_seconds", "histogram", "iptables nftables"),
        ("sync_proxy_rules_last_timestamp_seconds", "gauge", "iptables ipvs nftables"),
        ("sync_proxy_rules_last_queued_timestamp_seconds", "gauge", "iptables ipvs nftables"),
        ("network_programming_duration_seconds", "histogram", "iptables ipvs nftables"),
        ("sync_proxy_rules_endpoint_changes_pending", "gauge", "iptables ipvs nftables"),
        ("sync_proxy_rules_endpoint_changes_total", "counter", "iptables ipvs nftables"),
        ("sync_proxy_rules_service_changes_pending", "gauge", "iptables ipvs nftables"),
        ("sync_proxy_rules_service_changes_total", "counter", "iptables ipvs nftables"),
        ("sync_proxy_rules_no_local_endpoints_total", "gauge", "iptables ipvs nftables"),
        ("sync_proxy_rules_iptables_restore_failures_total", "counter", "iptables ipvs"),
        ("sync_proxy_rules_iptables_partial_restore_failures_total", "counter", "iptables"),
        ("sync_proxy_rules_iptables_total", "gauge", "iptables"),
        ("sync_proxy_rules_iptables_last", "gauge", "iptables"),
        ("sync_proxy_rules_nftables_sync_failures_total", "counter", "nftables"),
        ("sync_proxy_rules_nftables_cleanup_failures_total", "counter", "nftables"),
        ("conntrack_reconciler_sync_duration_seconds", "histogram", "iptables ipvs nftables"),
        ("conntrack_reconciler_deleted_entries_total", "counter", "iptables ipvs nftables"),
        ("proxy_healthz_total", "counter", "iptables ipvs nftables"),
        ("proxy_livez_total", "counter", "iptables ipvs nftables"),
    ]

    @Test("Each mode has kube-proxy's metrics for it, and no others of that name")
    func kubeProxyNames() {
        let modes: [(String, ProxyMode)] = [
            ("iptables", .iptables), ("ipvs", .ipvs), ("nftables", .nftables),
        ]
        for (word, mode) in modes {
            let registry = MetricRegistry()
            _ = KubeProxyMetrics(registry, mode: mode)
            let expected = Self.kubeProxy.filter { $0.modes.contains(word) }
                .map { "kubeproxy_\($0.name) \($0.type)" }.sorted()
            #expect(registry.read().map { "\($0.name) \($0.kind.rawValue)" } == expected)
        }
    }

    @Test("Buckets are kube-proxy's")
    func buckets() {
        let registry = MetricRegistry()
        let metrics = KubeProxyMetrics(registry, mode: .iptables)
        metrics.passes.seconds.observe(1, "IPv4")
        metrics.networkProgramming.observe(1, "IPv4")
        func bounds(_ name: String) -> [String] {
            registry.read().first { $0.name == "kubeproxy_\(name)" }?.samples
                .compactMap { $0.labels.first { $0.name == "le" }?.value } ?? []
        }
        let sync = bounds("sync_proxy_rules_duration_seconds")
        #expect(sync.count == 16 && sync[0] == "0.001" && sync[14] == "16.384")
        let programming = bounds("network_programming_duration_seconds")
        #expect(programming.count == 3 + 59 + 12 + 7 + 1)
        #expect(programming.prefix(4) == ["0", "0.25", "0.5", "1"])
        #expect(programming.suffix(4) == ["240", "270", "300", "+Inf"])
    }

    /// All families with a sample each, with awkward labels.
    private static func everything() -> MetricRegistry {
        let registry = MetricRegistry()
        let kubeProxy = KubeProxyMetrics(registry, mode: .iptables)
        let issues = registry.gauge("fairlead_issues", "Current problems.", labels: ["kind"])
        for family in ["IPv4", "IPv6"] {
            kubeProxy.passes.seconds.observe(0.02, family)
            kubeProxy.networkProgramming.observe(0.3, family)
            kubeProxy.passes.failures.add(1, family)
            kubeProxy.passes.rules.set(12, "nat", family)
        }
        kubeProxy.healthz.add(1, "200")
        kubeProxy.noLocalEndpoints.set(1, "external", "IPv4")
        issues.set(1, "with \"quotes\", \\ and\nlines")
        return registry
    }

    @Test(
        "Prometheus' own parser reads both formats",
        arguments: [
            (MetricText.prometheus, "prometheus_client.parser"),
            (.openMetrics, "prometheus_client.openmetrics.parser"),
        ]
    )
    func parser(format: MetricText, module: String) throws {
        let families = Self.everything().read(ProcessMetrics.read())
        let script = """
            import sys
            from \(module) import text_string_to_metric_families as parse
            for family in parse(sys.stdin.read()):
                for sample in family.samples:
                    print(family.type, sample.name, float(sample.value), dict(sample.labels))
            """
        // Debian's Python, which has Prometheus' client library.
        let output = try LabCommand.run(
            ["/usr/bin/python3", "-c", script],
            input: format.render(families).split(separator: "\n").map(String.init)
        )
        let lines = output.split(separator: "\n").map(String.init)
        #expect(lines.count == families.reduce(0) { $0 + $1.samples.count })
        #expect(
            lines.contains(
                "gauge fairlead_issues 1.0 {'kind': 'with \"quotes\", \\\\ and\\nlines'}"
            )
        )
        #expect(lines.contains { $0.hasPrefix("counter kubeproxy_proxy_healthz_total 1.0") })
        #expect(lines.contains { $0.hasPrefix("gauge process_resident_memory_bytes") })
    }
}
