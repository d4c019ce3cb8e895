package import DataplaneModel
package import Planning
package import ServiceModel

/// Brings one family's kernel state to the plan and keeps it there.
///
/// One pass is one synchronous call on the dataplane thread; nothing else of ours writes in between.
package struct FamilyReconciler<P: Planner, Store: KernelStore>
where P.State == Store.State, P.Diff == Store.Diff {
    package private(set) var desired: DesiredState
    package private(set) var planner: P
    /// Of what is planned.
    package private(set) var tally = ServiceTally()
    private let store: Store
    private let now: () -> ContinuousClock.Instant
    /// Called right before the kernel is changed, with the plan that it is brought to.
    package var willApply: ((P) -> Void)?
    /// The last pass's change; nil if there was none.
    package private(set) var applied: P.Diff?
    /// Since then nobody but this changed the kernel, which equals the plan as of the last pass but for
    /// what the store notices; nil where that is not known.
    private var mark: ChangeMark?
    /// Until then a mere possibility of foreign changes is not looked into, so that another program's
    /// busy iptables does not keep us reading tables.
    private var nextLook: ContinuousClock.Instant
    /// Services that changed and were not taken by `takeChanges`.
    private var changed: Set<ServiceName> = []
    /// Single objects that could not be changed since the kernel was last observed, and differ until
    /// they can.
    package private(set) var failures: [DataplaneError] = []
    /// So many changes, at most, were not made for that.
    private var leftOver = 0

    /// A look may take this part of the time between two looks.
    private static var lookShare: Int { 20 }

    /// `planner` and `desired` are empty and of the same family and settings.
    package init(
        desired: DesiredState,
        planner: P,
        store: Store,
        now: @escaping () -> ContinuousClock.Instant = { .now }
    ) {
        self.desired = desired
        self.planner = planner
        self.store = store
        self.now = now
        nextLook = now()
    }

    /// Selects, plans and applies what `update` brings; with `observe`, or when the kernel's state
    /// is not known or was changed by others, against what the kernel really holds.
    ///
    /// After an error, which is the store's, the plan holds already, and the next pass observes.
    package mutating func pass(
        _ update: SnapshotUpdate,
        observe: Bool
    ) throws(DataplaneError) -> FamilyPassReport {
        applied = nil
        var report = FamilyPassReport()
        let began = now()
        let names = desired.select(update)
        changed.formUnion(names)
        // What is not known to stand is compared with the whole plan.
        let planned: P.Diff?
        if mark != nil {
            planned = planner.plan(names, of: desired)
        } else {
            planner.load(names, of: desired)
            planned = nil
        }
        tally.count(names, of: desired)
        report.changedServices = names.count
        report.planning = now() - began
        let known = mark
        mark = nil
        if let planned, let known, !observe, try store.changes(since: known) != .certain {
            if !planned.isEmpty { try apply(planned, &report) }
            mark = known
        } else {
            mark = try repair(planned, &report)
            if report.drift > 0 { report.driftedServices.subtract(names) }
        }
        return report
    }

    /// Observes the kernel and brings it to the plan. `planned` is what the pass itself changes; nil
    /// where it was not known before how the kernel was. Returns when it was observed.
    private mutating func repair(
        _ planned: P.Diff?,
        _ report: inout FamilyPassReport
    ) throws(DataplaneError) -> ChangeMark {
        let began = now()
        let observed = try store.observe()
        report.observing = now() - began
        let wanted = P.Diff(from: observed.state, to: planner.plan)
        if let planned {
            // What neither planning nor an earlier failure explains, another program did.
            report.drift = max(0, wanted.count - planned.count - leftOver)
        }
        if report.drift > 0 {
            report.driftedServices = Set(planner.differences(in: wanted).flatMap(\.services))
        }
        failures = []
        leftOver = 0
        if !wanted.isEmpty { try apply(wanted, &report) }
        let ended = now()
        nextLook = ended.advanced(by: (ended - began) * Self.lookShare)
        return observed.mark
    }

    private mutating func apply(
        _ diff: P.Diff,
        _ report: inout FamilyPassReport
    ) throws(DataplaneError) {
        let began = now()
        applied = diff
        willApply?(planner)
        report.apply = try store.apply(diff)
        if !report.apply.failures.isEmpty {
            failures += report.apply.failures.filter { !failures.contains($0) }
            leftOver += diff.count
        }
        report.applying = now() - began
        report.operationsByObject = diff.countByObject
    }

    /// Whether the kernel holds the plan as of the last pass, but for single objects.
    package var stands: Bool { mark != nil && failures.allSatisfy { $0.scope == .object } }

    /// Whether only a look at the kernel can tell in what it differs from the plan.
    package var needsObservation: Bool { mark == nil || !failures.isEmpty }

    /// Whether another program changed what is ours since it was last observed; a mere possibility
    /// counts only now and then. False as long as it is not known anyway how the kernel is.
    package func hasDrifted() throws(DataplaneError) -> Bool {
        guard let mark else { return false }
        switch try store.changes(since: mark) {
        case .none: return false
        case .possible: return now() >= nextLook
        case .certain: return true
        }
    }

    /// Does what time brings; see `KernelStore.performDueWork`. What cannot be changed would differ
    /// at every look, so then no part is compared.
    package func performDueWork() throws(DataplaneError) {
        try store.performDueWork(expecting: needsObservation ? nil : planner.plan)
    }

    /// The Services that changed since the last call, sorted: to be called after a pass that
    /// succeeded, when the kernel serves them as they are now.
    package mutating func takeChanges() -> [ServiceName] {
        defer { changed = [] }
        return changed.sorted()
    }

    /// Takes over new settings: everything is planned anew, and the next pass observes.
    package mutating func replace(desired: DesiredState, planner: P) {
        // A Service that is gone by the next pass changes too.
        changed.formUnion(self.desired.services.keys)
        self.desired = desired
        self.planner = planner
        tally = ServiceTally()
        mark = nil
    }
}

/// What a pass did in one family.
package struct FamilyPassReport: Sendable {
    /// Services whose state on this node changed.
    package var changedServices: Int
    /// Objects that differed from what was left there, though no Service changed them.
    package var drift: Int
    /// Services that those objects belong to; of a Service that changed in the same pass it is not
    /// known.
    package var driftedServices: Set<ServiceName>
    package var apply: ApplyReport
    /// A setting of the host that the plan needs and that could not be changed.
    package var hostFailure: PassReport.Failure?
    /// Changed objects by their sort.
    package var operationsByObject: [ChangedObject: Int] = [:]
    /// The first of the operations, in the words of the mode's tools, if they were asked for.
    package var operationLines: [String] = []
    /// Time for selecting and planning.
    package var planning = Duration.zero
    package var observing = Duration.zero
    package var applying = Duration.zero

    package init(
        changedServices: Int = 0,
        drift: Int = 0,
        driftedServices: Set<ServiceName> = [],
        apply: ApplyReport = ApplyReport()
    ) {
        self.changedServices = changedServices
        self.drift = drift
        self.driftedServices = driftedServices
        self.apply = apply
    }
}
