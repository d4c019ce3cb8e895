package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import LinuxKernel
package import Planning
package import ProxyModes

extension NFTablesMode: InstalledMode {
    package static let tables: [TableName] = []
    package static let localhost = LocalhostSupport.onRequest

    package static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> NFTablesStore {
        NFTablesStore(family: family, monitor: kernel.nftMonitor)
    }

    package static func prepareHost(_ configuration: DaemonConfiguration) -> [String] { [] }

    package static func needsRouteLocalnet(_ planner: NFTablesPlanner) -> Bool {
        planner.needsRouteLocalnet
    }

    package static func capabilities(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding] {
        KernelCapabilities.nftables(families: families)
            + KernelCapabilities.neighbours(
                families,
                .init(passesInput: false, acceptsForwarded: false)
            )
    }
}
