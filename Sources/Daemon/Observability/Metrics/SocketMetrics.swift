import Addressing
import Dataplane
import DataplaneModel
import Planning
import Telemetry

/// Metrics of the socket level. Gauges have no samples while it is off.
struct SocketMetrics: Sendable {
    let programs: MetricValues
    let foreign: MetricValues
    let entries: MetricValues
    let capacity: MetricValues
    let operations: MetricValues
    let failures: MetricValues
    let drift: MetricValues
    let overflows: MetricValues
    let ended: MetricValues

    init(_ registry: MetricRegistry) {
        let family = "ip_family"
        func counter(_ name: String, _ help: String, _ labels: String...) -> MetricValues {
            registry.counter("fairlead_socket_\(name)", help, labels: labels)
        }
        func gauge(_ name: String, _ help: String, _ labels: String...) -> MetricValues {
            registry.gauge("fairlead_socket_\(name)", help, labels: labels)
        }
        programs = gauge("programs_attached", "Fairlead's socket programs in the cgroup.", family)
        foreign = gauge(
            "foreign_programs",
            "Programs of others at the same calls of the same cgroup.",
            family
        )
        entries = gauge("map_entries", "Entries of a map of the socket level.", "map", family)
        capacity = gauge("map_capacity", "Entries that it has room for.", "map", family)
        operations = counter(
            "operations_total",
            "Objects changed at the socket level.",
            "object",
            family
        )
        failures = counter(
            "failures_total",
            "Passes that could not bring the socket level up to date.",
            family
        )
        drift = counter(
            "drift_repaired_total",
            "Objects of the socket level changed by another program and repaired by a pass.",
            family
        )
        overflows = counter(
            "overflows_total",
            "Sockets left to the rules because what is remembered of them had no room.",
            "room",
            family
        )
        ended = counter(
            "udp_ended_total",
            "Connected UDP sockets that were ended because their endpoint is gone.",
            family
        )
    }

    /// A pass has ended.
    func passed(_ pass: PassReport) {
        if pass.families.allSatisfy({ $0.sockets == nil }) {
            for gauge in [programs, foreign, entries, capacity] { gauge.clear() }
        }
        for outcome in pass.families {
            if let sockets = outcome.sockets { passed(sockets, outcome.family.rawValue) }
        }
    }

    private func passed(_ outcome: PassReport.SocketOutcome, _ family: String) {
        failures.add(outcome.error == nil && outcome.failures.isEmpty ? 0 : 1, family)
        if let report = outcome.report {
            drift.add(Double(report.drift), family)
            for (object, count) in report.operationsByObject where count > 0 {
                operations.add(Double(count), object.rawValue, family)
            }
        }
        // What is not known has no number.
        if let use = outcome.use { show(use, family) }
    }

    /// What was found between passes.
    func show(_ uses: [IPFamily: SocketUse]) {
        for (family, use) in uses { show(use, family.rawValue) }
    }

    private func show(_ use: SocketUse, _ family: String) {
        overflows.set(Double(use.overflows.memory), "memory", family)
        overflows.set(Double(use.overflows.flows), "flows", family)
        overflows.set(Double(use.overflows.udpSockets), "udp_sockets", family)
        programs.set(Double(use.attached.count), family)
        foreign.set(Double(use.foreign.count), family)
        for map in use.maps {
            entries.set(Double(map.entries), map.name, family)
            capacity.set(Double(map.capacity), map.name, family)
        }
    }
}
