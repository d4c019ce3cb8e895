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
        return try configuration.chosenMode.installed.families()
    }

    package var lock: XTablesLock.Configuration {
        XTablesLock.Configuration(
            path: configuration.iptables.lockFile,
            timeout: configuration.iptables.lockTimeout
        )
    }
}
