package import Addressing
import DaemonConfiguration
package import DataplaneModel
import LinuxKernel
package import Planning
import ProxyModes
import ServiceModel

/// What one family still has in the kernel of modes that do not serve.
package protocol ModeLeftovers {
    var family: IPFamily { get }

    /// What is there; nothing that only waits for its last connections.
    func find() throws(DataplaneError) -> [ObjectDifference]

    /// Removes it, but lets connections go on until they end; see `attend`.
    func retire() throws(DataplaneError) -> ApplyReport

    /// Ends what has drained.
    func attend() throws(DataplaneError)
}

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

    package func attend() throws(DataplaneError) {
        if mode != .ipvs { try ipvs.attend() }
    }

    /// Removes our table of nftables.
    package func retireTable() throws(DataplaneError) -> ApplyReport {
        let diff = try tableRemoval()
        return diff.isEmpty ? ApplyReport() : try nftables.apply(diff)
    }

    private func tableRemoval() throws(DataplaneError) -> NFTablesDiff {
        // While anybody listens, all who write nftables on the host pay for it.
        defer { nftables.stopListening() }
        do throws(DataplaneError) {
            return NFTablesDiff(from: try nftables.observe(), to: NFTablesState())
        } catch {
            // Without nftables in the kernel there is nothing of ours in it.
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

/// The removal of what other modes left in one family: begun as soon as the present mode stands
/// there, whatever else fails, and tried again until nothing is left.
package struct Retirement {
    private let leftovers: any ModeLeftovers
    private var isDone = false
    /// What is still there and why; empty if nothing is.
    package private(set) var remains: [String] = []

    package init(_ leftovers: some ModeLeftovers) {
        self.leftovers = leftovers
    }

    /// Takes the next step and returns how many objects were removed. `presentStands` says that the
    /// kernel holds the present mode's plan but for single objects; until then connections need the
    /// other mode's.
    package mutating func proceed(presentStands: Bool) -> Int {
        if isDone { return 0 }
        var removed = 0
        var reason = "needed until the mode in use has programmed \(leftovers.family.rawValue)"
        do throws(DataplaneError) {
            if presentStands {
                let report = try leftovers.retire()
                removed = report.operations
                isDone = report.failures.isEmpty
                reason = report.failures.first.map { "removal failed: \($0)" } ?? ""
            }
        } catch {
            reason = "removal failed: \(error)"
        }
        remains = isDone ? [] : describe(reason)
        return removed
    }

    package func attend() throws(DataplaneError) { try leftovers.attend() }

    private func describe(_ reason: String) -> [String] {
        let family = leftovers.family.rawValue
        do throws(DataplaneError) {
            let found = try leftovers.find()
            return found.isEmpty ? [] : ["\(family): \(Self.summary(found)): \(reason)"]
        } catch {
            return ["\(family): objects of another mode may be left: \(error)"]
        }
    }

    /// `table fairlead of nftables`, or `4 × chain, set FAIRLEAD-4-SERVICES, 14 × virtual server`.
    private static func summary(_ found: [ObjectDifference]) -> String {
        var parts: [String] = []
        let groups = Dictionary(grouping: found, by: \.kind)
        for kind in groups.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let group = groups[kind], let first = group.first else { continue }
            parts.append(
                group.count == 1
                    ? "\(kind.rawValue) \(first.name)" : "\(group.count) × \(kind.rawValue)"
            )
        }
        return parts.joined(separator: ", ")
    }
}
