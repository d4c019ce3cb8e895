package import Addressing
package import DaemonConfiguration
package import Dataplane
package import DataplaneModel
package import LinuxKernel
package import Planning
package import ProxyModes
package import ServiceModel

/// A mode with its hands in the kernel: what the command line adds to the pure part.
package protocol InstalledMode: ProgrammedMode {
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
}

extension DaemonConfiguration.Mode {
    /// The mode's implementation; `auto` is to be resolved first, and else is nftables.
    package var installed: any InstalledMode.Type {
        switch self {
        case .iptables: IPTablesMode.self
        case .ipvs: IPVSMode.self
        case .nftables, .auto: NFTablesMode.self
        }
    }
}

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
        KernelCapabilities(families: families).findings
            + KernelCapabilities.neighbours(
                families,
                .init(passesInput: false, acceptsForwarded: true)
            )
    }
}
