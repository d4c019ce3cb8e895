package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import HostChecks
import Planning
package import ProxyModes
package import XTables

extension IPTablesMode: InstalledMode {
    package static let tables: [TableName] = [.filter, .nat]

    package static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> IPTablesStore {
        IPTablesStore(
            family: family,
            tables: tables,
            lock: kernel.lock,
            lockWatch: kernel.lockWatch,
            owns: Ownership.fairlead.owns(chain:)
        )
    }

    package static func capabilities(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding] {
        [KernelCapabilities.lock(configuration.iptables.lockFile)]
            + KernelCapabilities(families: families).findings
            + KernelCapabilities.neighbours(
                families,
                .init(passesInput: false, acceptsForwarded: true),
                .fairlead
            )
    }
}
