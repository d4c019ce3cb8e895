import Addressing
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
import Planning
import ProxyModes

/// What modes other than the present one left in the kernel for one family: taken away once the
/// present one serves, so that a change of mode leaves no gap.
struct OtherModes {
    let family: IPFamily
    private let mode: DaemonConfiguration.Mode
    private let ipvs: IPVSStore
    private let nftables: NFTablesStore

    init(_ family: IPFamily, _ kernel: borrowing Kernel) {
        self.family = family
        mode = kernel.configuration.mode
        ipvs = IPVSMode.store(family, kernel)
        nftables = NFTablesMode.store(family, kernel)
    }

    /// Removes it, but lets connections through IPVS go on until they end; see `attend`.
    ///
    /// iptables and ipvs mode use the same chains in filter and nat, which the present one has
    /// rewritten already.
    func retire() throws(DataplaneError) -> ApplyReport {
        switch mode {
        case .iptables:
            var report = try retireTable()
            report += try ipvs.retire(rulesIn: [.mangle])
            return report
        case .ipvs: return try retireTable()
        case .nftables, .auto: return try ipvs.retire(rulesIn: TableName.allCases)
        }
    }

    /// Ends what has drained.
    func attend() throws(DataplaneError) {
        if mode != .ipvs { try ipvs.attend() }
    }

    /// Removes our table of nftables.
    func retireTable() throws(DataplaneError) -> ApplyReport {
        defer { nftables.stopListening() }
        do throws(DataplaneError) {
            let diff = NFTablesDiff(from: try nftables.observe(), to: NFTablesState())
            return diff.isEmpty ? ApplyReport() : try nftables.apply(diff)
        } catch {
            // Without nftables in the kernel there is nothing of ours in it.
            guard error.kind == .unsupported else { throw error }
            return ApplyReport()
        }
    }
}
