package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import Planning

/// The host that a dataplane works on: all that touches it and decides nothing. Calls block and come
/// from one thread.
package protocol DataplaneHost {
    /// Chooses the mode if that is left to it, with the reason, and enters the configured network
    /// namespace for good.
    func start(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> (configuration: DaemonConfiguration, reason: String?)

    /// The families to serve: those that are configured, or else those that the kernel has what the
    /// mode needs for. None is an error.
    func families() throws(DataplaneError) -> [IPFamily]

    /// What the node itself says about itself; what can't be found out is taken as absent.
    func facts() -> NodeFacts

    /// What the kernel lacks, or holds that stands in the mode's way.
    func shortcomings(_ families: [IPFamily]) -> [String]

    /// Sets what the configuration asks of the host and the mode needs; returns what could not be set.
    func prepare(_ configuration: DaemonConfiguration) -> [String]

    /// One family in the configured mode.
    func dataplane(_ family: IPFamily, _ settings: PlannerSettings) throws(DataplaneError)
        -> any FamilyDataplane

    /// What other modes left in one family.
    func leftovers(_ family: IPFamily) throws(DataplaneError) -> any ModeLeftovers
}
