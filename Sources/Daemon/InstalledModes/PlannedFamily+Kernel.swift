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

    /// The same by object, sorted, with settings of the host that the plan needs.
    package func differences(_ kernel: borrowing Kernel) throws(DataplaneError)
        -> [ObjectDifference]
    {
        var differences = planner.differences(in: try diff(kernel)).sorted()
        guard family == .ipv4, Mode.needsRouteLocalnet(planner) else { return differences }
        if try !RouteLocalnet(stateDirectory: nil).isOn() {
            differences.append(RouteLocalnet.missing)
        }
        return differences
    }
}
