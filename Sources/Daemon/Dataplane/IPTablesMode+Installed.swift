package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import LinuxKernel
package import Planning
package import ProxyModes

extension IPTablesMode: InstalledMode {
    package static let tables: [TableName] = [.filter, .nat]

    package static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> IPTablesStore {
        IPTablesStore(
            family: family,
            tables: tables,
            lock: kernel.lock,
            owns: NameScheme.owns(chain:)
        )
    }

    package static func needsRouteLocalnet(_ planner: IPTablesPlanner) -> Bool {
        planner.needsRouteLocalnet
    }

    package static func ruleCounts(_ planner: IPTablesPlanner) -> [TableName: Int] {
        let counts = tables.map { table in
            let owned = planner.plan[table]
            return (table, owned.chains.values.reduce(owned.jumps.count) { $0 + $1.rules.count })
        }
        return Dictionary(uniqueKeysWithValues: counts)
    }

    package static func capabilities(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding] {
        KernelCapabilities(families: families).findings
            + KernelCapabilities.neighbours(
                families,
                .init(passesInput: false, acceptsForwarded: true)
            )
    }
}
