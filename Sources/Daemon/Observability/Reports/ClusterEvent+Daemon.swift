import DaemonConfiguration
import DataplaneModel
import KubernetesClient
import PrintableText
import ServiceModel
import Telemetry

/// The daemon's Events; docs/operating.md lists them.
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

    /// The health server cannot listen (kube-proxy's reason).
    static func healthAddressTaken(_ reason: String) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .node,
            reason: "FailedToStartProxierHealthcheck",
            action: "StartFairlead",
            note: "Failed to start the health server: \(reason)"
        )
    }

    /// A Service's `healthCheckNodePort` cannot be listened on (kube-proxy's reason).
    static func healthCheckPortTaken(_ service: ServiceName, _ reason: String) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .service(service),
            reason: "FailedToStartServiceHealthcheck",
            action: "Listen",
            note: "Failed to start the health check server: \(reason)"
        )
    }

    /// Parts of the Service cannot be programmed.
    static func notProgrammed(_ service: ServiceName, _ reasons: [String]) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .service(service),
            reason: "NotProgrammed",
            action: "Plan",
            note: reasons.joined(separator: "; ")
        )
    }

    /// Another program had changed `objects` of Fairlead's objects.
    static func rulesRepaired(_ objects: Int, of services: String) -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: .node,
            reason: "RulesRepaired",
            action: "Repair",
            note: "Repaired \(counted(objects, "object")) that another program had changed; "
                + "Services: \(services)"
        )
    }

    /// Several passes in a row failed.
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
