import Addressing
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
import Planning
import ProxyModes

extension NFTablesMode: InstalledMode {
    static let tables: [TableName] = []
    static let localhost = LocalhostSupport.onRequest

    static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> NFTablesStore {
        NFTablesStore(family: family, monitor: kernel.nftMonitor)
    }

    static func prepareHost(_ configuration: DaemonConfiguration) -> [String] { [] }

    static func needsRouteLocalnet(_ planner: NFTablesPlanner) -> Bool {
        planner.needsRouteLocalnet
    }

    static func capabilities(
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
