package import Addressing
package import DaemonConfiguration
package import DataplaneModel
import HostFacts
package import NFTables
import Planning
package import XTables

/// The kernel as the configuration names it, for the calling thread.
package struct Kernel {
    package let configuration: DaemonConfiguration
    package let lock: XTablesLock.Configuration
    /// For the nftables stores of both families.
    package let nftMonitor = NFTMonitor()
    /// For the stores of legacy tables of both families; nil for one look, which does not touch the lock
    /// file: a running daemon would take that for a change.
    package let lockWatch: XTablesLockWatch?

    /// Enters the configured namespace for good. The calling thread must not be shared.
    ///
    /// - Parameters:
    ///   - configuration: names the namespace, the lock file and the mode.
    ///   - watchesLock: the stores have to notice what other programs change.
    /// - Throws: the error of entering the namespace.
    package init(
        _ configuration: DaemonConfiguration,
        watchesLock: Bool = false
    ) throws(DataplaneError) {
        self.configuration = configuration
        lock = Self.lock(configuration)
        lockWatch = watchesLock ? XTablesLockWatch(lock) : nil
        if let namespace = configuration.networkNamespace {
            try NetworkNamespace.enter(namespace)
        }
    }

    static func lock(_ configuration: DaemonConfiguration) -> XTablesLock.Configuration {
        XTablesLock.Configuration(
            path: configuration.iptables.lockFile,
            timeout: configuration.iptables.lockTimeout
        )
    }

    /// The configured families, or else those that the kernel has what the mode needs for; none is
    /// an error.
    package func families() throws(DataplaneError) -> [IPFamily] {
        if let families = configuration.families { return families }
        return try configuration.chosenMode.installed.families()
    }
}
