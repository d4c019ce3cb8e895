package import Addressing
import DaemonConfiguration
package import DataplaneModel
package import Planning
import ProxyModes
package import ServiceModel

/// One family in the kernel, whatever the mode.
package protocol FamilyDataplane {
    var family: IPFamily { get }
    /// Services that this family has.
    var serviceCount: Int { get }
    /// Wishes that could not be planned.
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

    /// Brings the kernel to the plan; see `FamilyReconciler.pass`. Observes too if numbers show that
    /// somebody else changed what is ours.
    mutating func pass(
        _ update: SnapshotUpdate,
        observe: Bool
    ) throws(DataplaneError) -> FamilyPassReport

    /// Which UDP flows have to be looked at after the passes since the last call; to be called after
    /// each that succeeded. Nil, and nothing is kept, where they are not cleaned: switched on later,
    /// cleaning begins with all Services, as at the start.
    mutating func takeFlowRequest(cleans: Bool) -> ConntrackCleaner.Request?

    /// The last pass's change in the words of the mode's tools, if `isExplaining`.
    var appliedText: String { get }
    var isExplaining: Bool { get set }

    /// What the host still has to do for the plan once it stands; nil if it was done, else why not.
    func finish() -> String?

    /// Whether somebody else changed what is ours, as far as numbers show, or a look at a small part.
    func hasDrifted() throws(DataplaneError) -> Bool

    /// Takes what is in the kernel now as what was left there: to be called after a pass.
    mutating func acknowledge() throws(DataplaneError)

    /// The last pass that looked at the kernel put something right, and what others did at the same
    /// time would not show: a second look is due.
    var needsSecondLook: Bool { get }

    /// Does what time brings; see `KernelStore.attend`.
    mutating func attend() throws(DataplaneError)

    /// Takes over other settings: everything is planned anew.
    mutating func replan(_ settings: PlannerSettings)
}

/// The reconciler of one family in one mode.
package struct ModeDataplane<Mode: InstalledMode>: FamilyDataplane {
    package let family: IPFamily
    private let store: Mode.ModeStore
    private var reconciler: FamilyReconciler<Mode.ModePlanner, Mode.ModeStore>
    private var measures: [String: Int] = [:]
    /// Those right before the last pass.
    private var measuresBefore: [String: Int] = [:]
    private var hasWritten = false
    package private(set) var needsSecondLook = false
    private var staleFlows = StaleFlowRules()
    private let routeLocalnet: RouteLocalnet

    package init(
        _ mode: Mode.Type,
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ kernel: borrowing Kernel
    ) {
        self.family = family
        store = Mode.store(family, kernel)
        let routeLocalnet = RouteLocalnet(
            stateDirectory: kernel.configuration.sources.stateDirectory
        )
        self.routeLocalnet = routeLocalnet
        reconciler = FamilyReconciler(
            desired: DesiredState(family: family, settings: settings),
            planner: Mode.planner(family, settings),
            store: store
        )
        guard family == .ipv4 else { return }
        // The way is closed before the guard goes; if that fails, it is tried again at the end.
        reconciler.willApply = { planner in
            if !Mode.needsRouteLocalnet(planner) { _ = try? routeLocalnet.restore() }
        }
    }

    package var serviceCount: Int { reconciler.desired.services.count }
    package var issues: [PlanIssue] { reconciler.planner.issues }
    package var failures: [DataplaneError] { reconciler.failures }
    package var stands: Bool { reconciler.stands }
    package var needsObservation: Bool { reconciler.needsObservation || needsSecondLook }
    package var tally: ServiceTally { reconciler.tally }
    package var ruleCounts: [TableName: Int] { Mode.ruleCounts(reconciler.planner) }

    package mutating func pass(
        _ update: SnapshotUpdate,
        observe: Bool
    ) throws(DataplaneError) -> FamilyPassReport {
        measuresBefore = try store.measure()
        hasWritten = true
        let observe = observe || measuresBefore != measures
        let report = try reconciler.pass(update, observe: observe)
        hasWritten = report.apply.operations > 0
        if observe { needsSecondLook = hasWritten && store.measuresOwnChanges }
        return report
    }

    package mutating func takeFlowRequest(cleans: Bool) -> ConntrackCleaner.Request? {
        let changes = reconciler.takeChanges()
        guard cleans else {
            staleFlows = StaleFlowRules()
            return nil
        }
        return ConntrackCleaner.Request(
            check: staleFlows.update(changes, of: reconciler.desired),
            settings: reconciler.desired.settings,
            mode: Mode.mode
        )
    }

    package var appliedText: String { reconciler.applied.map { Mode.text($0, family) } ?? "" }
    package var isExplaining: Bool {
        get { reconciler.keepsApplied }
        set { reconciler.keepsApplied = newValue }
    }

    /// The guard against neighbours stands already when the sysctl opens the way.
    package func finish() -> String? {
        guard family == .ipv4 else { return nil }
        let isNeeded = Mode.needsRouteLocalnet(reconciler.planner)
        do throws(DataplaneError) {
            if isNeeded { try routeLocalnet.enable() } else { try routeLocalnet.restore() }
            return nil
        } catch {
            return isNeeded
                ? "node ports do not answer on 127.0.0.1: \(error)"
                : "route_localnet stays on, though no node port needs it any more: \(error)"
        }
    }

    package func hasDrifted() throws(DataplaneError) -> Bool {
        if try store.measure() != measures { return true }
        return try reconciler.inspect()
    }

    package mutating func acknowledge() throws(DataplaneError) {
        let now = try store.measure()
        // Where nothing was written, what is different now is somebody else's doing.
        measures = hasWritten ? now : measuresBefore
    }

    package mutating func attend() throws(DataplaneError) {
        let before = try store.measure()
        try store.attend()
        // What goes now is our own doing; what differed before still shows.
        if before == measures { measures = try store.measure() }
    }

    package mutating func replan(_ settings: PlannerSettings) {
        reconciler.replace(
            desired: DesiredState(family: family, settings: settings),
            planner: Mode.planner(family, settings)
        )
    }
}
