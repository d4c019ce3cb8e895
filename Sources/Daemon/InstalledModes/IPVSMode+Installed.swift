package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import HostChecks
package import IPVS
package import Planning
package import ProxyModes
import ServiceModel

extension IPVSMode: InstalledMode {
    package static let tables = TableName.allCases

    package static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> IPVSStore {
        let settings = kernel.configuration.ipvs
        return IPVSStore(
            family: family,
            IPVSStore.Configuration(
                lock: kernel.lock,
                lockWatch: kernel.lockWatch,
                excluded: settings.excludedRanges,
                scheduler: SchedulerName(settings.scheduler.rawValue),
                drainTimeout: settings.drainTimeout,
                addressSet: NameScheme.set(.addresses, family)
            )
        )
    }

    package static func prepareHost(_ configuration: DaemonConfiguration) -> [String] {
        // Asking for anything makes the kernel load the module, which brings the parameters.
        _ = try? IPVSTimeouts.observe()
        var problems = IPVSSysctls.apply(strictARP: configuration.ipvs.strictARP).map(\.description)
        let timeouts = configuration.ipvs.timeouts
        do throws(DataplaneError) {
            try IPVSTimeouts(tcp: timeouts.tcp, tcpFinish: timeouts.tcpFin, udp: timeouts.udp)
                .apply()
        } catch {
            problems.append("IPVS timeouts: \(error)")
        }
        return problems
    }

    package static func obstacles(
        _ planner: IPVSPlanner,
        _ store: IPVSStore
    ) throws(DataplaneError) -> [DataplaneError] {
        try store.obstacles(to: planner.plan)
    }

    package static func capabilities(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding] {
        [KernelCapabilities.lock(configuration.iptables.lockFile)]
            + KernelCapabilities.ipvs(
                families: families,
                scheduler: SchedulerName(configuration.ipvs.scheduler.rawValue),
                needsDummy: configuration.ipvs.binding == .addresses
            )
            + KernelCapabilities.neighbours(
                families,
                .init(passesInput: true, acceptsForwarded: true),
                .fairlead
            )
    }
}
