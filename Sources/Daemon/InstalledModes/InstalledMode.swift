package import Addressing
package import DaemonConfiguration
package import Dataplane
package import DataplaneModel
package import HostChecks
package import Planning
package import ProxyModes
package import ServiceModel
import XTables

/// A mode with its hands in the kernel: what the command line adds to the pure part.
package protocol InstalledMode: PlannedMode {
    associatedtype ModeStore: KernelStore
    where ModeStore.State == ModePlanner.State, ModeStore.Diff == ModePlanner.Diff

    /// The legacy tables the mode writes.
    static var tables: [TableName] { get }

    static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> ModeStore

    /// Settings of the host that the mode needs, set where they differ; what could not be set.
    static func prepareHost(_ configuration: DaemonConfiguration) -> [String]

    /// What others have in the kernel that keeps parts of the plan from being made, each with its
    /// cure.
    static func obstacles(
        _ planner: ModePlanner,
        _ store: ModeStore
    ) throws(DataplaneError) -> [DataplaneError]

    /// What the kernel has counted for each Service port; nil where nothing is counted.
    static func traffic(
        _ store: ModeStore,
        _ owners: FrontendOwners
    ) throws(DataplaneError) -> [ServicePortName: PortTraffic]?

    /// Why no traffic is counted, with the remedy if there is one.
    static var countingAdvice: String { get }

    /// The families that the kernel has what the mode needs for; none is an error.
    static func families() throws(DataplaneError) -> [IPFamily]

    /// What is there and what is missing.
    static func capabilities(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding]
}

extension InstalledMode {
    package static func obstacles(
        _ planner: ModePlanner,
        _ store: ModeStore
    ) throws(DataplaneError) -> [DataplaneError] { [] }

    package static func prepareHost(_ configuration: DaemonConfiguration) -> [String] { [] }

    package static func traffic(
        _ store: ModeStore,
        _ owners: FrontendOwners
    ) throws(DataplaneError) -> [ServicePortName: PortTraffic]? { nil }

    package static var countingAdvice: String {
        "mode \(mode.rawValue) has no counters; use mode ipvs or nftables"
    }

    /// Those that have all legacy tables of the mode.
    package static func families() throws(DataplaneError) -> [IPFamily] {
        var found: [IPFamily] = []
        for family in IPFamily.allCases {
            do throws(DataplaneError) {
                for table in tables { _ = try TableFingerprint(of: table, family) }
                found.append(family)
            } catch  where error.kind == .unsupported && (family == .ipv6 || !found.isEmpty) {
                continue
            }
        }
        return found
    }
}

extension ProxyMode {
    package var installed: any InstalledMode.Type {
        switch self {
        case .iptables: IPTablesMode.self
        case .ipvs: IPVSMode.self
        case .nftables: NFTablesMode.self
        }
    }
}
