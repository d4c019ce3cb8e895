import Addressing
import HealthChecking
import ServiceModel
import Telemetry

/// How active health checks go. The checker answers for itself, on no thread of a pass.
struct HealthChecks: Sendable {
    /// Nil before the start.
    var checker: HealthChecker?
    /// As the sources gave them: with the endpoints that are taken out.
    var services = ServiceSnapshot()
    /// Service ports that have endpoints and not one that is healthy.
    var withoutHealthyEndpoint: [ServicePortName] = []

    /// How the endpoints of a Service port fare that are probed.
    func statuses(
        of port: ServicePortName,
        _ family: IPFamily
    ) async -> [SocketAddress: HealthStatus] {
        guard let checker, let service = services.services[port.service] else { return [:] }
        var targets: [SocketAddress: HealthTarget] = [:]
        for slice in services.slices[port.service] ?? [] where slice.family == family {
            for slicePort in slice.ports
            where slicePort.name == port.port && slicePort.transport == port.transport {
                for endpoint in slice.endpoints {
                    targets[SocketAddress(endpoint.address, slicePort.port)] =
                        service.healthTarget(endpoint, slicePort, in: slice)
                }
            }
        }
        guard !targets.isEmpty else { return [:] }
        let statuses = await checker.statuses(of: Set(targets.values))
        return targets.compactMapValues { statuses[$0] }
    }

    /// As metrics.
    func metrics() async -> [MetricFamily] {
        guard let summary = await checker?.summary() else { return [] }
        func family(
            _ name: String,
            _ help: String,
            _ value: Double,
            _ kind: MetricFamily.Kind = .gauge
        ) -> MetricFamily {
            MetricFamily(
                "fairlead_health_check_\(name)",
                help,
                kind,
                [.init(labels: [], value: value)]
            )
        }
        let totals = summary.totals
        return [
            summary.targetMetrics,
            totals.probeMetrics,
            family(
                "transitions_total",
                "Verdicts of health checks that changed.",
                Double(totals.transitions),
                .counter
            ),
            family(
                "panics",
                "Service ports that have endpoints and not one that is healthy.",
                Double(withoutHealthyEndpoint.count)
            ),
            family(
                "lag_seconds",
                "For how long the longest overdue probe has waited because of the limit.",
                summary.lag.inSeconds
            ),
        ]
    }
}

extension HealthSummary {
    fileprivate var targetMetrics: MetricFamily {
        let verdicts: [TargetHealth.Verdict] = [.healthy, .unhealthy, .unknown]
        return MetricFamily(
            "fairlead_health_check_targets",
            "Sockets that are probed, by verdict.",
            .gauge,
            verdicts.map {
                .init(labels: [.init("state", $0.rawValue)], value: Double(targets[$0] ?? 0))
            }
        )
    }
}

extension HealthCounters {
    fileprivate var probeMetrics: MetricFamily {
        let results = [
            ("passed", probes - failures - impossible), ("failed", failures),
            ("impossible", impossible),
        ]
        return MetricFamily(
            "fairlead_health_check_probes_total",
            "Probes of health checks, by result.",
            .counter,
            results.map { .init(labels: [.init("result", $0.0)], value: Double($0.1)) }
        )
    }
}
