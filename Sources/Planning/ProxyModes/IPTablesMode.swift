package import Addressing
package import DataplaneModel
package import PacketTracing
package import Planning

/// Chains in legacy iptables' nat and filter tables.
package enum IPTablesMode: ProxyMode {
    package static let name = "iptables"
    package static let nothing = IPTablesState()

    package static func planner(
        _ family: IPFamily,
        _ settings: PlannerSettings
    ) -> IPTablesPlanner {
        IPTablesPlanner(family: family, settings: settings)
    }

    package static func text(_ state: IPTablesState, _ family: IPFamily) -> String {
        IPTablesRenderer(family: family).render(state)
    }

    package static func text(_ diff: IPTablesDiff, _ family: IPFamily) -> String {
        IPTablesRenderer(family: family).render(diff)
    }

    package static func document(_ state: IPTablesState, _ family: IPFamily) -> any Encodable {
        IPTablesDocument(state, family: family)
    }

    package static func document(_ diff: IPTablesDiff, _ family: IPFamily) -> any Encodable {
        IPTablesDiffDocument(diff, family: family)
    }

    package static func tracer(
        _ state: IPTablesState,
        network: NodeNetwork,
        planner: IPTablesPlanner?
    ) -> any FlowTracer {
        PacketTracer(state, network: network) { IPTablesRenderer(family: $1).render($0) }
    }
}
