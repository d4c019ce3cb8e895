package import Addressing
package import DaemonConfiguration
package import Dataplane
package import DataplaneModel
package import HostChecks
package import Planning
package import ProxyModes
package import ServiceModel
import XTables

/// A mode with its access to the kernel.
package protocol InstalledMode: PlannedMode {
    associatedtype ModeStore: KernelStore
    where ModeStore.State == ModePlanner.State, ModeStore.Diff == ModePlanner.Diff

    /// The legacy tables the mode writes.
    static var tables: [TableName] { get }

    static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> ModeStore

    /// Applies the host settings that the mode needs where they differ; returns those that could not be
    /// applied.
    static func prepareHost(_ configuration: DaemonConfiguration) -> [String]

    /// Objects of other programs that keep parts of the plan from being programmed, each with its cure.
    /// Fails if the kernel cannot be read.
    static func obstacles(
        _ planner: ModePlanner,
        _ store: ModeStore
    ) throws(DataplaneError) -> [DataplaneError]

    /// What the kernel has counted for each Service port; nil where nothing is counted. Fails if it
    /// cannot be read.
    static func traffic(
        _ store: ModeStore,
        _ owners: FrontendOwners
    ) throws(DataplaneError) -> [ServicePortName: PortTraffic]?

    /// Why no traffic is counted, with the remedy if there is one.
    static var countingAdvice: String { get }

    /// The families that the kernel supports in this mode. Fails if there is none.
    static func families() throws(DataplaneError) -> [IPFamily]

    /// What the kernel has and lacks for the mode.
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
