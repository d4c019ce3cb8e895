import DataplaneModel
import Foundation
import Telemetry
import Testing

@testable import KubernetesClient
@testable import Observability

@Suite("Metrics of the daemon")
struct DaemonMetricsTests {
    @Test("The dashboard asks for metrics that there are, and for no others")
    func dashboard() throws {
        let url = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../config/grafana/fairlead.json")
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
        let dashboard = try #require(json as? [String: Any])
        let panels = try #require(dashboard["panels"] as? [[String: Any]])
        let expressions = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }
            .compactMap { $0["expr"] as? String }
        #expect(expressions.count >= panels.count - 6 && expressions.count > 15)
        var known: Set<String> = [
            "fairlead_service_connections_total", "fairlead_service_packets_total",
            "fairlead_service_bytes_total", "fairlead_service_refused_packets_total",
            "fairlead_source_last_change_timestamp_seconds", "fairlead_source_silence_seconds",
            "fairlead_source_stale", "fairlead_source_failures", "fairlead_source_from_memory",
            "fairlead_health_check_targets", "fairlead_health_check_panics",
            "fairlead_health_check_probes_total", "fairlead_health_check_transitions_total",
        ]
        for mode in [ProxyMode.iptables, .ipvs, .nftables] {
            let registry = MetricRegistry()
            _ = KubeProxyMetrics(registry, mode: mode)
            _ = FairleadMetrics(registry)
            for family in registry.read(ProcessMetrics.read()) {
                known.insert(family.name)
                guard family.kind == .histogram else { continue }
                for suffix in ["_bucket", "_sum", "_count"] { known.insert(family.name + suffix) }
            }
        }
        for expression in expressions {
            for match in expression.matches(of: /(?:kubeproxy|fairlead|process)_[a-z0-9_]+/) {
                #expect(known.contains(String(match.output)), "\(match.output) in \(expression)")
            }
        }
    }
}

/// Requests to the API server, as Kubernetes' components count them.
@Suite("Metrics of requests")
struct RestClientMetricsTests {
    @Test("Answers, failures and watches, each where client-go counts them")
    func requests() {
        let registry = MetricRegistry()
        let metrics = RestClientMetrics(registry)
        func observe(_ code: Int?, isWatch: Bool = false) {
            metrics.observe(
                RequestOutcome(
                    server: "192.0.2.1:6443",
                    method: "GET",
                    isWatch: isWatch,
                    code: code,
                    duration: .milliseconds(30),
                    heldBack: .zero,
                    sentBytes: 0,
                    receivedBytes: 2000
                )
            )
        }
        observe(200)
        observe(200, isWatch: true)
        observe(nil)
        let text = MetricText.prometheus.render(registry.read())
        let host = "host=\"192.0.2.1:6443\""
        for line in [
            "rest_client_requests_total{code=\"200\",\(host),method=\"GET\"} 2",
            "rest_client_requests_total{code=\"<error>\",\(host),method=\"GET\"} 1",
            "rest_client_request_duration_seconds_bucket{\(host),verb=\"GET\",le=\"0.025\"} 0",
            "rest_client_request_duration_seconds_bucket{\(host),verb=\"GET\",le=\"0.1\"} 2",
            "rest_client_request_duration_seconds_bucket{\(host),verb=\"GET\",le=\"60\"} 2",
            "rest_client_rate_limiter_duration_seconds_count{\(host),verb=\"GET\"} 3",
            "rest_client_response_size_bytes_bucket{\(host),verb=\"GET\",le=\"4096\"} 1",
        ] {
            #expect(text.contains("\(line)\n"), "\(line)")
        }
    }
}
