package import Addressing
package import DataplaneModel
package import PacketTracing
package import Planning

/// A table of nftables in which Services are elements of sets and maps.
package enum NFTablesMode: ProxyMode {
    package static let name = "nftables"
    package static let nothing = NFTablesState()

    package static func planner(
        _ family: IPFamily,
        _ settings: PlannerSettings
    ) -> NFTablesPlanner {
        NFTablesPlanner(family: family, settings: settings)
    }

    package static func text(_ state: NFTablesState, _ family: IPFamily) -> String {
        NFTablesRenderer(family: family).render(state)
    }

    package static func text(_ diff: NFTablesDiff, _ family: IPFamily) -> String {
        NFTablesRenderer(family: family).render(diff)
    }

    package static func document(_ state: NFTablesState, _ family: IPFamily) -> any Encodable {
        NFTablesDocument(state, family: family)
    }

    package static func document(_ diff: NFTablesDiff, _ family: IPFamily) -> any Encodable {
        NFTablesDiffDocument(diff, family: family)
    }

    package static func tracer(
        _ state: NFTablesState,
        network: NodeNetwork,
        planner: NFTablesPlanner?
    ) -> any FlowTracer {
        NFTablesTracer(
            state,
            network: network,
            title: { planner?.title(of: $0) },
            ruleText: { NFTablesRenderer(family: $1).render($0) }
        )
    }
}
