package import NFTables
package import HostChecks
package import Addressing
package import DaemonConfiguration
package import DataplaneModel
import Planning
package import ProxyModes

extension NFTablesMode: InstalledMode {
    package static let tables: [TableName] = []

    package static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> NFTablesStore {
        NFTablesStore(family: family, monitor: kernel.nftMonitor)
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
