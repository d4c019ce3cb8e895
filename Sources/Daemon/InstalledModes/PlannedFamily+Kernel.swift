import Addressing
import DaemonConfiguration
package import Dataplane
package import DataplaneModel
package import Planning
package import ProxyModes

extension PlannedFamily where Mode: InstalledMode {
    /// What would change in the kernel, without changing it.
    package func diff(_ kernel: borrowing Kernel) throws(DataplaneError) -> Mode.ModePlanner.Diff {
        let observed = try Mode.store(family, kernel).observe()
        let directory = kernel.configuration.sources.stateDirectory
        guard family == .ipv4, RouteLocalnet(stateDirectory: directory).isLeftOn else {
            return Mode.ModePlanner.Diff(from: observed.state, to: planner.plan)
        }
        // As the daemon does, which could not put the setting back yet.
        var guarded = planner
        Mode.keepLocalhostGuard(true, &guarded)
        guarded.load([], of: desired)
        return Mode.ModePlanner.Diff(from: observed.state, to: guarded.plan)
    }

    /// The same by object, sorted.
    package func differences(_ kernel: borrowing Kernel) throws(DataplaneError)
        -> [ObjectDifference]
    {
        planner.differences(in: try diff(kernel)).sorted()
    }

    /// What a daemon would change beside its mode's rules: settings of the host, then what other modes left, sorted.
    package func differencesBesideRules(_ kernel: borrowing Kernel) throws(DataplaneError)
        -> [ObjectDifference]
    {
        let leftovers = try OtherModes(family, kernel).find()
        guard family == .ipv4 else { return leftovers }
        let localnet = RouteLocalnet(stateDirectory: kernel.configuration.sources.stateDirectory)
        let isNeeded = Mode.needsRouteLocalnet(planner)
        guard let setting = try localnet.difference(isNeeded: isNeeded) else { return leftovers }
        return [setting] + leftovers
    }
}
