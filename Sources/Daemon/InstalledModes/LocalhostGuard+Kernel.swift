import Addressing
import DataplaneModel
import NFTables
import Planning
import XTables

extension LocalhostGuard {
    /// Whether the kernel holds these rules, of whatever mode.
    static func isInKernel() throws(DataplaneError) -> Bool {
        // Reading a table that is not in use would create it.
        if LegacyTables.used(.ipv4).contains(.filter) {
            let store = IPTablesStore(
                family: .ipv4,
                tables: [.filter],
                owns: Ownership.fairlead.owns(chain:)
            )
            if try store.observe().state.filter.chains[legacyChain] != nil { return true }
        }
        return try NFTablesStore(family: .ipv4).holdsChain(chain)
    }
}
