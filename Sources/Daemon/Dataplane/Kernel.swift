package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import LinuxKernel
import Planning

/// The kernel as the configuration names it, for commands that run once on their own thread.
package struct Kernel {
    package let configuration: DaemonConfiguration
    /// For the nftables stores of both families.
    package let nftMonitor = NFTMonitor()

    /// Enters the configured namespace for good. The calling thread must not be shared.
    package init(_ configuration: DaemonConfiguration) throws(DataplaneError) {
        self.configuration = configuration
        if let namespace = configuration.networkNamespace {
            try NetworkNamespace.enter(namespace)
        }
    }

    /// The configured families, or else those that the kernel has what the mode needs for; none is
    /// an error.
    package func families() throws(DataplaneError) -> [IPFamily] {
        if let families = configuration.families { return families }
        let mode = configuration.mode
        if mode == .nftables {
            // Without IPv4 nothing is left to try, and the first pass says what is missing.
            return KernelCapabilities.hasNFTables(.ipv6) ? IPFamily.allCases : [.ipv4]
        }
        var found: [IPFamily] = []
        for family in IPFamily.allCases {
            do throws(DataplaneError) {
                for table in mode.installed.tables {
                    _ = try TableFingerprint(of: table, family)
                }
                found.append(family)
            } catch  where error.kind == .unsupported && (family == .ipv6 || !found.isEmpty) {
                continue
            }
        }
        return found
    }

    package var lock: XTablesLock.Configuration {
        XTablesLock.Configuration(
            path: configuration.iptables.lockFile,
            timeout: configuration.iptables.lockTimeout
        )
    }
}
