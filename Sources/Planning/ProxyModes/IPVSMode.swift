package import Addressing
package import DataplaneModel
package import PacketTracing
package import Planning

/// IPVS virtual servers, with sets and a constant number of iptables rules beside them.
package enum IPVSMode: ProxyMode {
    package static let name = "ipvs"
    package static let nothing = IPVSState()

    package static func planner(_ family: IPFamily, _ settings: PlannerSettings) -> IPVSPlanner {
        IPVSPlanner(family: family, settings: settings)
    }

    package static func text(_ state: IPVSState, _ family: IPFamily) -> String {
        IPVSRenderer(family: family).render(state)
    }

    package static func text(_ diff: IPVSDiff, _ family: IPFamily) -> String {
        IPVSRenderer(family: family).render(diff)
    }

    package static func document(_ state: IPVSState, _ family: IPFamily) -> any Encodable {
        IPVSDocument(state, family: family)
    }

    package static func document(_ diff: IPVSDiff, _ family: IPFamily) -> any Encodable {
        IPVSDiffDocument(diff, family: family)
    }

    package static func tracer(
        _ state: IPVSState,
        network: NodeNetwork,
        planner: IPVSPlanner?
    ) -> any FlowTracer {
        PacketTracer(state, network: network) { IPTablesRenderer(family: $1).render($0) }
    }
}
