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

    package static func needsRouteLocalnet(_ planner: IPTablesPlanner) -> Bool {
        planner.needsRouteLocalnet
    }

    package static func plansLocalhostGuard(_ planner: IPTablesPlanner) -> Bool {
        planner.plansLocalhostGuard
    }

    package static func keepLocalhostGuard(_ keeps: Bool, _ planner: inout IPTablesPlanner) {
        planner.keepsLocalhostGuard = keeps
    }

    package static func ruleCounts(_ planner: IPTablesPlanner) -> [TableName: Int] {
        let counts = [TableName.filter, .nat].map { table in
            let owned = planner.plan[table]
            return (table, owned.chains.values.reduce(owned.jumps.count) { $0 + $1.rules.count })
        }
        return Dictionary(uniqueKeysWithValues: counts)
    }
}
