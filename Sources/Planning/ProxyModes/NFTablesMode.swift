package import DataplaneModel
package import PacketTracing
package import Planning

/// A table of nftables in which Services are elements of sets and maps.
package enum NFTablesMode: PlannedMode {
    package typealias Renderer = NFTablesRenderer
    package static let mode = ProxyMode.nftables

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

    package static func needsRouteLocalnet(_ planner: NFTablesPlanner) -> Bool {
        planner.needsRouteLocalnet
    }

    package static func plansLocalhostGuard(_ planner: NFTablesPlanner) -> Bool {
        planner.plansLocalhostGuard
    }

    package static func keepLocalhostGuard(_ keeps: Bool, _ planner: inout NFTablesPlanner) {
        planner.keepsLocalhostGuard = keeps
    }
}
