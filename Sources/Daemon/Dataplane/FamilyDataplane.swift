package import Addressing
package import DataplaneModel
package import Planning
package import ServiceModel

/// One family in the kernel, whatever the mode.
package protocol FamilyDataplane {
    var family: IPFamily { get }
    /// What could not be planned.
    var issues: [PlanIssue] { get }
    /// Single objects that could not be changed, and are tried again.
    var failures: [DataplaneError] { get }
    /// Whether the kernel holds the plan as of the last pass, but for single objects.
    var stands: Bool { get }
    /// Whether the next full pass has to observe, so that what is left to do is found.
    var needsObservation: Bool { get }
    /// Numbers about what is served.
    var tally: ServiceTally { get }
    /// Planned rules by legacy table, where the mode has Services in such.
    var ruleCounts: [TableName: Int] { get }

    /// Brings the kernel and the host's settings to the plan; see `FamilyReconciler.pass`. With
    /// `explain` the report has the operations in words.
    mutating func pass(
        _ update: SnapshotUpdate,
        observe: Bool,
        explain: Bool
    ) throws(DataplaneError) -> FamilyPassReport

    /// Which UDP flows have to be looked at after the passes since the last call; to be called after
    /// each that succeeded. Nil, and nothing is kept, where they are not cleaned: switched on later,
    /// cleaning begins with all Services, as at the start.
    mutating func takeFlowRequest(cleans: Bool) -> ConntrackCleaner.Request?

    /// Whether another program changed what is ours, as far as is noticed without reading it.
    func hasDrifted() throws(DataplaneError) -> Bool

    /// Does what time brings; see `KernelStore.performDueWork`.
    func performDueWork() throws(DataplaneError)

    /// Takes over other settings: everything is planned anew.
    mutating func replan(_ settings: PlannerSettings)
}

/// The host's setting that lets packets with 127.0.0.0/8 addresses leave the loopback interface.
package protocol LocalnetRouting {
    /// Whether it is on now.
    func isOn() throws(DataplaneError) -> Bool
    /// Switches it on if it is off. To be called when the guard against neighbours stands.
    func enable() throws(DataplaneError)
    /// Switches it off if `enable` switched it on; true if so. To be called as long as the guard stands.
    @discardableResult
    func restore() throws(DataplaneError) -> Bool
}
