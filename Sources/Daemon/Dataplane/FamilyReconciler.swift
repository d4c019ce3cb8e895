package import DataplaneModel
package import Planning
package import ServiceModel

/// Brings one family's kernel state to the plan and keeps it there.
///
/// One pass is one synchronous call on the dataplane thread; nothing else writes in between.
package struct FamilyReconciler<P: Planner, Store: KernelStore>
where P.State == Store.State, P.Diff == Store.Diff {
    package private(set) var desired: DesiredState
    package private(set) var planner: P
    /// Of what is planned.
    package private(set) var tally = ServiceTally()
    private let store: Store
    /// What is applied is kept for `applied`.
    package var keepsApplied = false
    /// Called right before the kernel is changed, with the plan that it is brought to.
    package var willApply: ((P) -> Void)?
    /// The last pass's change, if it was to be kept and there was one.
    package private(set) var applied: P.Diff?
    /// The kernel is known to equal the plan as of the last pass.
    private var isInSync = false
    /// Services that changed and were not taken by `takeChanges`.
    private var changed: Set<ServiceName> = []
    /// Single objects that could not be changed since the kernel was last observed, and differ until
    /// they can.
    package private(set) var failures: [DataplaneError] = []
    /// So many changes, at most, were not made for that.
    private var leftOver = 0

    /// `planner` and `desired` are empty and of the same family and settings.
    package init(desired: DesiredState, planner: P, store: Store) {
        self.desired = desired
        self.planner = planner
        self.store = store
    }

    /// Selects, plans and applies what `update` brings; with `observe`, or when the kernel's state
    /// is not known, against what the kernel really holds.
    ///
    /// After an error the plan holds already, and the next pass observes.
    package mutating func pass(
        _ update: SnapshotUpdate,
        observe: Bool
    ) throws(DataplaneError) -> FamilyPassReport {
        let clock = ContinuousClock()
        applied = nil
        var report = FamilyPassReport()
        var began = clock.now
        let names = desired.select(update)
        changed.formUnion(names)
        // What is not known to stand is compared with the whole plan.
        let planned: P.Diff?
        if isInSync {
            planned = planner.plan(names, of: desired)
        } else {
            planner.load(names, of: desired)
            planned = nil
        }
        tally.count(names, of: desired)
        report.changedServices = names.count
        report.planning = clock.now - began
        if let planned, !observe {
            if !planned.isEmpty { try apply(planned, &report) }
            return report
        }
        isInSync = false
        began = clock.now
        let observed = try store.observe()
        report.observing = clock.now - began
        let wanted = P.Diff(from: observed, to: planner.plan)
        if let planned {
            // What neither planning nor an earlier failure explains, somebody else did.
            report.drift = max(0, wanted.count - planned.count - leftOver)
        }
        failures = []
        leftOver = 0
        if !wanted.isEmpty { try apply(wanted, &report) }
        isInSync = true
        if report.drift > 0 {
            let touched = Set(planner.differences(in: wanted).flatMap(\.services))
            report.driftedServices = touched.subtracting(names)
        }
        return report
    }

    /// Whether the kernel holds the plan as of the last pass, but for single objects.
    package var stands: Bool { isInSync && failures.allSatisfy { $0.scope == .object } }

    /// Whether only a look at the kernel can tell in what it differs from the plan.
    package var needsObservation: Bool { !isInSync || !failures.isEmpty }

    /// The Services that changed since the last call, sorted: to be called after a pass that
    /// succeeded, when the kernel serves them as they are now.
    package mutating func takeChanges() -> [ServiceName] {
        defer { changed = [] }
        return changed.sorted()
    }

    /// Whether a small part of the kernel's state, another one at each call, is other than what was
    /// left there. False as long as that is not known anyway.
    package func inspect() throws(DataplaneError) -> Bool {
        guard isInSync, failures.isEmpty else { return false }
        return try store.inspect(planner.plan)
    }

    private mutating func apply(
        _ diff: P.Diff,
        _ report: inout FamilyPassReport
    ) throws(DataplaneError) {
        let began = ContinuousClock.now
        isInSync = false
        if keepsApplied { applied = diff }
        willApply?(planner)
        report.apply = try store.apply(diff)
        isInSync = true
        if !report.apply.failures.isEmpty {
            failures += report.apply.failures.filter { !failures.contains($0) }
            leftOver += diff.count
        }
        report.applying = ContinuousClock.now - began
        report.operationsByObject = diff.countByObject
    }

    /// What would change, without changing it.
    package mutating func preview(
        _ update: SnapshotUpdate
    ) throws(DataplaneError) -> P.Diff {
        planner.load(desired.select(update), of: desired)
        return P.Diff(from: try store.observe(), to: planner.plan)
    }

    /// Takes over new settings: everything is planned anew, and the next pass observes.
    package mutating func replace(desired: DesiredState, planner: P) {
        // A Service that is gone by the next pass changes too.
        changed.formUnion(self.desired.services.keys)
        self.desired = desired
        self.planner = planner
        tally = ServiceTally()
        isInSync = false
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
    /// Changed objects by their sort.
    package var operationsByObject: [String: Int] = [:]
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
