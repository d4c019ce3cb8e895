package import DataplaneModel
package import PacketTracing
package import Planning
import ServiceModel

/// IPVS virtual servers, with sets and a constant number of iptables rules beside them.
package enum IPVSMode: PlannedMode {
    package typealias Renderer = IPVSRenderer
    package static let mode = ProxyMode.ipvs

    package static func tracer(
        _ state: IPVSState,
        network: NodeNetwork,
        planner: IPVSPlanner?
    ) -> any FlowTracer {
        PacketTracer(state, network: network) { IPTablesRenderer(family: $1).render($0) }
    }

    package static func plansLocalhostGuard(_ planner: IPVSPlanner) -> Bool {
        planner.plansLocalhostGuard
    }

    package static func keepLocalhostGuard(_ keeps: Bool, _ planner: inout IPVSPlanner) {
        planner.keepsLocalhostGuard = keeps
    }

    package static func spreading(
        _ port: ServicePortState,
        _ settings: PlannerSettings
    ) -> Spreading {
        switch port.scheduler ?? settings.ipvsScheduler {
        case .wrr, .sh, .mh: .byWeight
        case .rr, .dh: .evenly
        case .lc, .wlc, .lblc, .lblcr, .sed, .nq, .fo, .ovf, .twos: .byLoad
        }
    }
}
