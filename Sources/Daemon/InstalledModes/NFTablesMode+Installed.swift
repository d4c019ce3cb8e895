package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import HostChecks
package import NFTables
import Planning
package import ProxyModes

extension NFTablesMode: InstalledMode {
    package static let tables: [TableName] = []

    package static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> NFTablesStore {
        NFTablesStore(family: family, monitor: kernel.nftMonitor)
    }

    package static let countingAdvice =
        "nothing is counted: set nftables: {counters: true} in the daemon's configuration"

    /// Without IPv4 nothing is left to try, and the first pass says what is missing.
    package static func families() throws(DataplaneError) -> [IPFamily] {
        KernelCapabilities.hasNFTables(.ipv6, .fairlead) ? IPFamily.allCases : [.ipv4]
    }

    package static func capabilities(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding] {
        KernelCapabilities.nftables(families: families, .fairlead)
            + KernelCapabilities.neighbours(
                families,
                .init(passesInput: false, acceptsForwarded: false),
                .fairlead
            )
    }
}
