package import Addressing
import DaemonConfiguration
import Dataplane
package import DataplaneModel
import IPVS
import NFTables
package import Planning
import ProxyModes
import ServiceModel

/// What modes other than the present one left in the kernel for one family: taken away once the
/// present one serves, so that a change of mode leaves no gap.
package struct OtherModes: ModeLeftovers {
    package let family: IPFamily
    private let mode: ProxyMode
    private let ipvs: IPVSStore
    private let nftables: NFTablesStore

    package init(_ family: IPFamily, _ kernel: borrowing Kernel) {
        self.family = family
        mode = kernel.configuration.chosenMode
        ipvs = IPVSMode.store(family, kernel)
        nftables = NFTablesMode.store(family, kernel)
    }

    /// iptables and ipvs mode use the same chains in filter and nat, which the present mode has
    /// rewritten already where it writes these tables.
    private var otherTables: [TableName] {
        TableName.allCases.filter { !mode.installed.tables.contains($0) }
    }

    package func retire() throws(DataplaneError) -> ApplyReport {
        var report = ApplyReport()
        if mode != .nftables { report += try retireTable() }
        if mode != .ipvs { report += try ipvs.retire(rulesIn: otherTables) }
        return report
    }

    package func performDueWork() throws(DataplaneError) {
        if mode != .ipvs { try ipvs.performDueWork(expecting: nil) }
    }

    /// Removes our table of nftables. `unguard` is to end what its rules guard, and runs right before; the table
    /// stays if that fails.
    package func retireTable(
        after unguard: () throws(DataplaneError) -> Void = { () throws(DataplaneError) in }
    ) throws(DataplaneError) -> ApplyReport {
        let diff = try tableRemoval()
        if diff.isEmpty { return ApplyReport() }
        try unguard()
        return try nftables.apply(diff)
    }

    private func tableRemoval() throws(DataplaneError) -> NFTablesDiff {
        // While any program listens, every nftables writer on the host pays for it.
        defer { nftables.stopListening() }
        do throws(DataplaneError) {
            return NFTablesDiff(from: try nftables.observe().state, to: NFTablesState())
        } catch {
            // A kernel without nftables has no table of Fairlead's.
            guard error.kind == .unsupported else { throw error }
            return NFTablesDiff(from: NFTablesState(), to: NFTablesState())
        }
    }

    package func find() throws(DataplaneError) -> [ObjectDifference] {
        let settings = PlannerSettings(node: NodeIdentity(name: ""))
        var found: [ObjectDifference] = []
        if mode != .nftables {
            let planner = NFTablesPlanner(family: family, settings: settings)
            for var table in planner.differences(in: try tableRemoval())
            where table.kind == .table {
                table.name += " of nftables"
                found.append(table)
            }
        }
        if mode != .ipvs {
            let left = try ipvs.leftovers(rulesIn: otherTables)
            let planner = IPVSPlanner(family: family, settings: settings)
            found += planner.differences(in: IPVSDiff(from: left, to: IPVSState()))
        }
        for index in found.indices { found[index].owner = .otherMode }
        return found.sorted()
    }
}
