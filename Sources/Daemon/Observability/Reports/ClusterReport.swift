import Dataplane
import KubernetesClient
import Planning
import ServiceModel

/// The Events that follow from passes, each once for as long as its cause stays the same.
struct ClusterReport {
    /// Failed passes in a row that are worth an Event.
    private static let failureLimit = 3

    /// What is wrong with Services of the cluster.
    private var known: [ServiceName: Set<String>] = [:]
    private var failures = 0

    /// The Events of a pass that programmed `services`.
    mutating func update(_ report: PassReport, _ services: ServiceSnapshot) -> [ClusterEvent] {
        var events = takeIssues(report.families.flatMap(\.issues), services)
        if report.drift > 0 {
            events.append(.rulesRepaired(report.drift, of: report.driftedServicesText))
        }
        // A family that waits for its retry has not failed again.
        if report.succeeded {
            failures = 0
        } else if report.families.contains(where: { $0.error != nil && !$0.isDeferred }) {
            failures += 1
        }
        if failures >= Self.failureLimit, let reason = report.errors.first?.description {
            events.append(.programmingFailed(reason))
        }
        return events
    }

    /// One Event for each Service that has a new issue.
    private mutating func takeIssues(
        _ issues: [PlanIssue],
        _ services: ServiceSnapshot
    ) -> [ClusterEvent] {
        var present: [ServiceName: Set<String>] = [:]
        for issue in issues {
            let name = issue.servicePort.service
            // The cluster no longer has a held Service.
            guard let service = services.services[name], service.origin == .cluster,
                !service.isHeld
            else { continue }
            let port = issue.servicePort.port
            let text = port.isEmpty ? issue.reason : "port \(port): \(issue.reason)"
            present[name, default: []].insert(text)
        }
        defer { known = present }
        return present.sorted { $0.key < $1.key }.compactMap { name, reasons in
            guard !reasons.isSubset(of: known[name] ?? []) else { return nil }
            return .notProgrammed(name, reasons.sorted())
        }
    }
}
