package import Addressing
package import DataplaneModel
package import Planning
package import ServiceModel

/// One family in the kernel, whatever the mode.
package protocol FamilyDataplane {
    var family: IPFamily { get }
    /// What could not be planned.
    var issues: [PlanIssue] { get }
    /// Single objects that could not be changed and will be retried.
    var failures: [DataplaneError] { get }
    /// Whether the kernel holds the plan as of the last pass, except for single objects.
    var stands: Bool { get }
    /// Whether the next full pass has to observe the kernel to find what is left to do.
    var needsObservation: Bool { get }
    /// Counts of what is served.
    var tally: ServiceTally { get }
    /// Planned rules by legacy table, if the mode programs Services in legacy tables.
    var ruleCounts: [TableName: Int] { get }

    /// Brings the kernel and the host's settings to the plan; see `FamilyReconciler.pass`. With
    /// `explain` the report has the operations as text.
    mutating func pass(
        _ update: SnapshotUpdate,
        observe: Bool,
        unless hasOther: (@Sendable () -> Bool)?,
        explain: Bool
    ) throws(DataplaneError) -> FamilyPassReport

    /// Takes in what changed without touching the kernel, for a later pass; only after one that failed.
    mutating func take(_ update: SnapshotUpdate)

    /// Which UDP flows to check after the passes since the last call. Call it after each successful
    /// pass. Nil without any use; nothing is remembered then, so that a use that is switched on
    /// begins with all Services as at the start.
    mutating func takeFlowRequest(_ uses: FlowUses) -> FlowRequest?

    /// Has the next `takeFlowRequest` ask for all flows of node ports, as other addresses accept them: flows may be
    /// older than that. It has the addresses before and after.
    mutating func recheckNodePorts(from old: Set<IPAddress>, to new: Set<IPAddress>)

    /// Whether another program changed Fairlead's objects, as far as the store notices without reading
    /// them. Fails if the store cannot answer.
    func hasDrifted() throws(DataplaneError) -> Bool

    /// See `KernelStore.announcements`.
    var announcements: [Int32] { get }

    /// See `KernelStore.announcesAll`.
    var announcesAll: Bool { get }

    /// Does work that has become due; see `KernelStore.performDueWork`.
    func performDueWork() throws(DataplaneError)

    /// Replaces the settings: everything is planned again.
    mutating func replan(_ settings: PlannerSettings)
}

/// The host's setting that lets packets with 127.0.0.0/8 addresses leave the loopback interface.
package protocol LocalnetRouting {
    /// Whether it is on now.
    func isOn() throws(DataplaneError) -> Bool
    /// It is on, and was switched on here or perhaps by an earlier process: the rules that keep neighbours out must
    /// stay. `isPlanned`: they are in the plan, whatever brought them there.
    func mustBeGuarded(isPlanned: Bool) -> Bool
    /// Why a later process will not know that it was switched on here; nil if it will, or is not meant to.
    var noteProblem: DataplaneError? { get }
    /// Why it is not known whether an earlier process switched it on, though the rules that keep neighbours out suggest
    /// that; nil if it is known or off. It stays on then, and must be guarded.
    var doubt: DataplaneError? { get }
    /// Switches it on if it is off; true if so. Call it when the rules that keep neighbours out are in place.
    func enable() throws(DataplaneError) -> Bool
    /// Switches it off if `enable` switched it on; true if so. Call it while those rules are in place.
    @discardableResult
    func restore() throws(DataplaneError) -> Bool
}
