import Addressing
import Dataplane
import DataplaneModel
import Planning
import Telemetry

/// Metrics that kube-proxy does not have.
struct FairleadMetrics: Sendable {
    let passes: MetricValues
    let operations: MetricValues
    let passOperations: MetricHistogram
    let conflicts: MetricValues
    let drift: MetricValues
    let observeSeconds: MetricHistogram
    let planSeconds: MetricHistogram
    let applySeconds: MetricHistogram
    let issues: MetricValues
    let services: MetricValues
    let endpoints: MetricValues
    let sourceLag: MetricHistogram
    let held: MetricValues
    let clusterEvents: MetricValues
    let sockets: SocketMetrics
    let build: MetricValues

    init(_ registry: MetricRegistry) {
        let family = "ip_family"
        func counter(_ name: String, _ help: String, _ labels: String...) -> MetricValues {
            registry.counter("fairlead_\(name)", help, labels: labels)
        }
        func gauge(_ name: String, _ help: String, _ labels: String...) -> MetricValues {
            registry.gauge("fairlead_\(name)", help, labels: labels)
        }
        func histogram(
            _ name: String,
            _ help: String,
            _ bounds: (start: Double, count: Int),
            _ label: String
        ) -> MetricHistogram {
            let bounds = MetricHistogram.exponential(bounds.start, 4, bounds.count)
            return registry.histogram("fairlead_\(name)", help, bounds: bounds, labels: [label])
        }
        func seconds(_ name: String, _ help: String) -> MetricHistogram {
            histogram("\(name)_seconds", help, (0.0001, 10), family)
        }
        passes = counter("passes_total", "Passes, by kind and result.", "kind", "result")
        operations = counter("operations_total", "Kernel objects changed.", "object", family)
        passOperations = histogram(
            "pass_operations",
            "Kernel objects changed by a pass.",
            (1, 10),
            "kind"
        )
        conflicts = counter(
            "conflicts_total",
            "Writes repeated because another program changed the table in between.",
            family
        )
        drift = counter(
            "drift_repaired_total",
            "Objects changed by another program and repaired by a pass.",
            family
        )
        observeSeconds = seconds("observe", "Time to read the kernel's state.")
        planSeconds = seconds("plan", "Time to select endpoints and plan.")
        applySeconds = seconds("apply", "Time to apply changes to the kernel.")
        issues = gauge(
            "issues",
            "Current problems: objects of a source, requests that cannot be planned, kernel objects, addresses to listen on.",
            "kind"
        )
        services = gauge("services", "Services served.", family)
        endpoints = gauge("endpoints", "Endpoints in use, counted once per Service port.", family)
        sourceLag = histogram(
            "source_lag_seconds",
            "Time from a source's update to the end of the pass that applied it.",
            (0.001, 9),
            "source"
        )
        held = gauge(
            "removal_guard_held_services",
            "Services kept by the removal guard although their source no longer has them."
        )
        clusterEvents = counter("cluster_events_total", "Kubernetes Events, by outcome.", "result")
        sockets = SocketMetrics(registry)
        build = gauge(
            "build_info",
            "Always 1; the labels give version and mode.",
            "version",
            "mode"
        )
    }

    /// A pass has ended.
    func passed(_ pass: PassReport) {
        passes.add(1, pass.kind.label, pass.succeeded ? "ok" : "failed")
        passOperations.observe(Double(pass.operations), pass.kind.label)
        sockets.passed(pass)
        for outcome in pass.families {
            guard let report = outcome.report else { continue }
            let family = outcome.family.rawValue
            services.set(Double(outcome.counts.services), family)
            endpoints.set(Double(outcome.counts.endpoints), family)
            drift.add(Double(report.drift), family)
            conflicts.add(Double(report.apply.conflicts), family)
            for (object, count) in report.operationsByObject where count > 0 {
                operations.add(Double(count), object.rawValue, family)
            }
            planSeconds.observe(report.planning, family)
            if report.observing > .zero { observeSeconds.observe(report.observing, family) }
            if report.applying > .zero { applySeconds.observe(report.applying, family) }
        }
    }
}
