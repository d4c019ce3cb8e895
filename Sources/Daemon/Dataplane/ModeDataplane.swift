package import Addressing
package import DataplaneModel
package import Planning
package import ProxyModes
package import ServiceModel

/// The reconciler of one family in one mode.
package struct ModeDataplane<Mode: PlannedMode, Store: KernelStore>: FamilyDataplane
where Store.State == Mode.ModePlanner.State, Store.Diff == Mode.ModePlanner.Diff {
    package let family: IPFamily
    private var reconciler: FamilyReconciler<Mode.ModePlanner, Store>
    private var staleFlows = StaleFlowRules()
    /// What `staleFlows` was asked for.
    private var flowUses = FlowUses(cleansTable: false)
    /// The next request is to have all flows of node ports.
    private var rechecksNodePorts = false
    /// And those of node ports at these addresses, which accept them no more.
    private var withdrawn: Set<IPAddress> = []
    /// Nil in a family without such a setting.
    private let localnet: (any LocalnetRouting)?
    /// The last pass left it on because the plan needs it.
    private var needsLocalnet = false

    /// The most operations that are reported as text.
    private static var explained: Int { 1000 }

    package init(
        _ mode: Mode.Type,
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ store: Store,
        localnet: (any LocalnetRouting)?
    ) {
        self.family = family
        self.localnet = localnet
        reconciler = FamilyReconciler(
            desired: DesiredState(family: family, settings: settings),
            planner: Mode.planner(family, settings),
            store: store
        )
    }

    package var issues: [PlanIssue] { reconciler.planner.issues }
    package var failures: [DataplaneError] { reconciler.failures }
    package var stands: Bool { reconciler.stands }
    package var needsObservation: Bool { reconciler.needsObservation }
    package var tally: ServiceTally { reconciler.desired.tally }
    package var ruleCounts: [TableName: Int] { Mode.ruleCounts(reconciler.planner) }

    package mutating func pass(
        _ update: SnapshotUpdate,
        observe: Bool,
        unless hasOther: (@Sendable () -> Bool)? = nil,
        explain: Bool
    ) throws(DataplaneError) -> FamilyPassReport {
        let isGuarded = keepGuard()
        var report = try reconciler.pass(update, observe: observe, unless: hasOther)
        var lines = explain ? appliedLines : []
        setLocalnet(&report)
        // Only once the setting is off have the rules that keep neighbours out done their work.
        if isGuarded, !keepGuard() {
            let rest = SnapshotUpdate(snapshot: update.snapshot, changed: .some([]))
            report.add(try reconciler.pass(rest, observe: false))
            if explain { lines += appliedLines }
        }
        report.operationLines = lines.prefix(Self.explained).map(String.init)
        return report
    }

    /// The diff that was applied last.
    private var appliedLines: [Substring] {
        reconciler.applied.map { Mode.text($0, family).split(separator: "\n") } ?? []
    }

    /// Plans with the rules that keep neighbours out as long as the setting asks for them; true if so.
    private mutating func keepGuard() -> Bool {
        guard let localnet else { return false }
        // The rules of an earlier mode are still there before the first pass, and tell.
        let isPlanned = Mode.plansLocalhostGuard(reconciler.planner)
        let keeps = localnet.mustBeGuarded(isPlanned: isPlanned)
        reconciler.adjust { Mode.keepLocalhostGuard(keeps, &$0) }
        return keeps
    }

    package mutating func take(_ update: SnapshotUpdate) { reconciler.take(update) }

    /// Called when the rules that keep neighbours out are in place.
    private mutating func setLocalnet(_ report: inout FamilyPassReport) {
        guard let localnet else { return }
        let isNeeded = Mode.needsRouteLocalnet(reconciler.planner)
        do throws(DataplaneError) {
            if isNeeded {
                if needsLocalnet, try !localnet.isOn() { report.drift += 1 }
                if try localnet.enable() { report.apply.operations += 1 }
                report.hostFailure = localnet.noteProblem.map {
                    PassReport.Failure(
                        family,
                        $0,
                        consequence:
                            "after a restart it is not known that route_localnet was set here"
                    )
                }
            } else if try localnet.restore() {
                report.apply.operations += 1
            } else if let doubt = localnet.doubt {
                report.hostFailure = PassReport.Failure(family, doubt, consequence: Self.leftOn)
            }
            needsLocalnet = isNeeded
        } catch {
            needsLocalnet = false
            report.hostFailure = PassReport.Failure(
                family,
                error,
                consequence: isNeeded ? "node ports do not answer on 127.0.0.1" : Self.leftOn
            )
        }
    }

    /// No node port needs it any more.
    private static var leftOn: String {
        "route_localnet stays on, and so do the rules that keep neighbours out of 127.0.0.0/8"
    }

    package mutating func takeFlowRequest(_ uses: FlowUses) -> FlowRequest? {
        let changes = reconciler.takeChanges()
        if uses.isEmpty || !flowUses.includes(uses) { staleFlows = StaleFlowRules() }
        flowUses = uses
        if uses.isEmpty { return nil }
        var check = staleFlows.update(changes, of: reconciler.desired)
        if rechecksNodePorts { check.merge(staleFlows.nodePorts(withdrawnFrom: withdrawn)) }
        (rechecksNodePorts, withdrawn) = (false, [])
        return FlowRequest(
            check: check,
            settings: reconciler.desired.settings,
            mode: Mode.mode,
            uses: uses
        )
    }

    package mutating func recheckNodePorts(from old: Set<IPAddress>, to new: Set<IPAddress>) {
        rechecksNodePorts = true
        withdrawn = withdrawn.union(old).subtracting(new)
    }

    package func hasDrifted() throws(DataplaneError) -> Bool {
        if try reconciler.hasDrifted() { return true }
        guard needsLocalnet, let localnet else { return false }
        return try !localnet.isOn()
    }

    package var announcements: [Int32] { reconciler.announcements }

    /// A sysctl changes without an announcement.
    package var announcesAll: Bool { reconciler.announcesAll && !needsLocalnet }

    package func performDueWork() throws(DataplaneError) { try reconciler.performDueWork() }

    package mutating func replan(_ settings: PlannerSettings) {
        reconciler.replace(
            desired: DesiredState(family: family, settings: settings),
            planner: Mode.planner(family, settings)
        )
    }
}
