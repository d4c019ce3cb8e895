package import DataplaneModel
package import PacketTracing
package import Planning

/// Chains in legacy iptables' nat and filter tables.
package enum IPTablesMode: PlannedMode {
    package typealias Renderer = IPTablesRenderer
    package static let mode = ProxyMode.iptables

    package static func tracer(
        _ state: IPTablesState,
        network: NodeNetwork,
        planner: IPTablesPlanner?
    ) -> any FlowTracer {
        PacketTracer(state, network: network) { IPTablesRenderer(family: $1).render($0) }
    }
}
