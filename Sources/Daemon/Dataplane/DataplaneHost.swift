package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import Planning

/// Everything that a dataplane does to its host. It makes no decisions. Calls block and come from one
/// thread.
package protocol DataplaneHost {
    /// Chooses the mode, with the reason, if the configuration leaves that open, and enters the
    /// configured network namespace for the rest of the thread's life.
    ///
    /// - Throws: if the namespace cannot be entered, or no mode can be used.
    func start(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> (configuration: DaemonConfiguration, reason: String?)

    /// The families to serve: the configured ones, or else those that the kernel supports in this mode.
    ///
    /// - Throws: `unsupported` if there is none, else what the kernel answered.
    func families() throws(DataplaneError) -> [IPFamily]

    /// What the node knows about itself; what it has none of is absent.
    ///
    /// - Throws: if that cannot be determined now, which is not the same: rules without the node's addresses would
    ///   take node ports away.
    func facts() throws(DataplaneError) -> NodeFacts

    /// Descriptors that can be read, or have an error, when `facts` may have changed, until its next call;
    /// nil while changes are not announced.
    var announcements: [Int32]? { get }

    /// Whether no other program holds the lock of legacy tables now. Asked only after something failed for it.
    func isLockFree() -> Bool

    /// What the kernel lacks for the mode, or holds that gets in its way.
    func shortcomings(_ families: [IPFamily]) -> [String]

    /// Applies the host settings that the configuration and the mode need; returns those that could
    /// not be applied.
    func prepare(_ configuration: DaemonConfiguration) -> [String]

    /// One family in the configured mode; fails if its stores cannot be opened.
    func dataplane(_ family: IPFamily, _ settings: PlannerSettings) throws(DataplaneError)
        -> any FamilyDataplane

    /// What other modes left in one family; fails if their stores cannot be opened.
    func leftovers(_ family: IPFamily) throws(DataplaneError) -> any ModeLeftovers

    /// The socket level of one family; changes nothing. Fails if its cgroup cannot be found.
    func sockets(
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> any SocketFamily

    /// Removes the socket level of this network namespace, if there is one, and returns the number of
    /// removed objects. Fails as the kernel does.
    func removeSockets(_ configuration: DaemonConfiguration) throws(DataplaneError) -> Int
}
