import DaemonConfiguration
import DataplaneModel
import KubernetesClient
import ServiceModel

/// What the daemon tells the cluster; docs/operating.md lists it.
extension ClusterEvent {
    /// As kube-proxy's `Starting`.
    static func started(_ mode: ProxyMode) -> ClusterEvent {
        ClusterEvent(
            .normal,
            on: .node,
            reason: "Starting",
            action: "StartFairlead",
            note: "fairlead \(Version.text), mode \(mode.rawValue)"
        )
    }

    /// The address of the health server can't be had (kube-proxy's reason).
    static func healthAddressTaken(_ reason: String) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .node,
            reason: "FailedToStartProxierHealthcheck",
            action: "StartFairlead",
            note: "Failed to start the health server: \(reason)"
        )
    }

    /// A Service's `healthCheckNodePort` can't be had (kube-proxy's reason).
    static func healthCheckPortTaken(_ service: ServiceName, _ reason: String) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .service(service),
            reason: "FailedToStartServiceHealthcheck",
            action: "Listen",
            note: "Failed to start the health check server: \(reason)"
        )
    }

    /// Some of the Service's wishes can't be had.
    static func notProgrammed(_ service: ServiceName, _ reasons: [String]) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .service(service),
            reason: "NotProgrammed",
            action: "Plan",
            note: reasons.joined(separator: "; ")
        )
    }

    /// Another program had changed `objects` of ours.
    static func rulesRepaired(_ objects: Int, of services: String) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .node,
            reason: "RulesRepaired",
            action: "Repair",
            note: "Repaired \(objects) objects that another program had changed; "
                + "Services: \(services)"
        )
    }

    /// Passes fail one after the other.
    static func programmingFailed(_ reason: String) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .node,
            reason: "ProgrammingFailed",
            action: "Program",
            note: "The node's rules can't be brought up to date: \(reason)"
        )
    }
}
