import Addressing
import HealthChecking
import ServiceModel
import Telemetry

/// The state of active health checks. The checker is asked directly, not on the dataplane's thread.
struct HealthChecks: Sendable {
    /// Nil before the start.
    var checker: HealthChecker?
    /// As received from the sources: with unhealthy endpoints.
    var services = ServiceSnapshot()
    /// Service ports with endpoints but no healthy one.
    var withoutHealthyEndpoint: [ServicePortName] = []

    /// The status of each probed endpoint of a Service port.
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
        let verdicts: [TargetHealth.Verdict] = [.healthy, .unhealthy, .unknown]
        let totals = summary.totals
        let passed = totals.probes - totals.failures - totals.impossible
        let results = [
            ("passed", passed), ("failed", totals.failures), ("impossible", totals.impossible),
        ]
        return [
            MetricFamily(
                "fairlead_health_check_targets",
                "Sockets that are probed, by verdict.",
                .gauge,
                by: "state",
                verdicts.map { ($0.rawValue, Double(summary.targets[$0] ?? 0)) }
            ),
            MetricFamily(
                "fairlead_health_check_probes_total",
                "Probes of health checks, by result.",
                .counter,
                by: "result",
                results.map { ($0, Double($1)) }
            ),
            MetricFamily(
                "fairlead_health_check_transitions_total",
                "Verdicts of health checks that changed.",
                .counter,
                Double(totals.transitions)
            ),
            MetricFamily(
                "fairlead_health_check_panics",
                "Service ports that have endpoints and not one that is healthy.",
                .gauge,
                Double(withoutHealthyEndpoint.count)
            ),
            MetricFamily(
                "fairlead_health_check_lag_seconds",
                "For how long the longest overdue probe has waited because of the limit.",
                .gauge,
                summary.lag.inSeconds
            ),
        ]
    }
}
