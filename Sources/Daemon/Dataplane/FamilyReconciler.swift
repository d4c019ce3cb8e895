package import DataplaneModel
package import Planning
package import ServiceModel
import SystemCalls

/// Brings one family's kernel state to the plan and keeps it there.
///
/// A pass is one synchronous call on the dataplane thread; Fairlead writes nothing else meanwhile.
package struct FamilyReconciler<P: Planner, Store: KernelStore>
where P.State == Store.State, P.Diff == Store.Diff {
    package private(set) var desired: DesiredState
    package private(set) var planner: P
    private let store: Store
    private let now: () -> ContinuousClock.Instant
    /// The diff that the last pass applied; nil if there was none.
    package private(set) var applied: P.Diff?
    /// Since this mark the kernel equals the plan as of the last pass, except for changes that the store
    /// reports; nil if the kernel's state is unknown.
    private var mark: ChangeMark?
    /// Possible foreign changes are not looked into before this time, so that another program's busy
    /// iptables does not cause tables to be read all the time.
    private var nextLook: ContinuousClock.Instant
    /// Services that have changed since the last `takeChanges`.
    private var changed: Set<ServiceName> = []
    /// Single objects that could not be changed since the kernel was last observed.
    package private(set) var failures: [DataplaneError] = []
    /// At most this many changes were not made because of them.
    private var leftOver = 0
    /// What the last pass found and could not do; nil if it did not fail for the lock of legacy tables.
    private var undone: Undone?

    /// What a pass was about to do when another program held the lock.
    private struct Undone {
        /// Changes of the plan's own; nil if more Services have changed since.
        var own: Int?
        /// What other programs had changed, of these Services.
        var drift = 0
        var driftedServices: Set<ServiceName> = []
        /// The Services that changed in this pass and since.
        var names: Set<ServiceName> = []

        mutating func add(_ more: [ServiceName]) {
            guard !more.isEmpty else { return }
            own = nil
            names.formUnion(more)
        }
    }

    /// Observing takes at most one part in this many of the time between two looks.
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

    /// Selects, plans and applies `update`. With `observe`, or if the kernel's state is unknown or was
    /// changed by another program, the plan is compared with what the kernel holds.
    ///
    /// With `hasOther`, which says whether there is other work, a comparison that nothing but `observe` asks for is
    /// optional: it is left out if `update` itself changes something, and given up for other work. What was known of
    /// the kernel stays known then.
    ///
    /// - Throws: the store's error. The plan is up to date then, and the next pass observes.
    package mutating func pass(
        _ update: SnapshotUpdate,
        observe: Bool,
        unless hasOther: (@Sendable () -> Bool)? = nil
    ) throws(DataplaneError) -> FamilyPassReport {
        applied = nil
        var report = FamilyPassReport()
        let began = now()
        let names = desired.select(update)
        changed.formUnion(names)
        report.selecting = now() - began
        ThreadProgress.step()
        // An unknown state is compared with the whole plan.
        let planned: P.Diff?
        if mark != nil {
            planned = planner.plan(names, of: desired)
        } else {
            planner.load(names, of: desired)
            planned = nil
        }
        report.changedServices = names.count
        report.planning = now() - began
        ThreadProgress.step()
        let known = mark
        mark = nil
        do throws(DataplaneError) {
            if let planned, let known, !observe || hasOther != nil,
                try store.changes(since: known) != .certain
            {
                if !planned.isEmpty { try apply(planned, names, &report) }
                let isSpare = observe && planned.isEmpty
                let observed = isSpare ? try repair(planned, names, unless: hasOther, &report) : nil
                report.isGivenUp = observe && observed == nil
                mark = observed ?? known
            } else {
                if planned == nil { undone?.add(names) }
                mark = try repair(planned, names, unless: nil, &report)
            }
            undone = nil
        } catch {
            if error.kind != .locked { undone = nil }
            throw error
        }
        return report
    }

    /// Selects and plans `update` for a later pass, without touching the kernel, which that pass compares with the
    /// whole plan: for a family in which the last pass failed.
    package mutating func take(_ update: SnapshotUpdate) {
        mark = nil
        let names = desired.select(update)
        changed.formUnion(names)
        planner.load(names, of: desired)
        undone?.add(names)
    }

    /// Changes how the next pass plans.
    package mutating func adjust(_ change: (inout P) -> Void) { change(&planner) }

    /// Observes the kernel and brings it to the plan. `planned` is what the pass itself changes, for the Services
    /// `names`; nil if the kernel's state was unknown. Returns the mark of the observation; nil if that was given up.
    private mutating func repair(
        _ planned: P.Diff?,
        _ names: [ServiceName],
        unless hasOther: (@Sendable () -> Bool)?,
        _ report: inout FamilyPassReport
    ) throws(DataplaneError) -> ChangeMark? {
        let began = now()
        guard let observed = try observe(unless: hasOther) else { return nil }
        report.observing = now() - began
        let read = now()
        let wanted = P.Diff(from: observed.state, to: planner.plan)
        report.diffing = now() - read
        ThreadProgress.step()
        let own = planned.map { $0.count + leftOver }
        failures = []
        leftOver = 0
        // The kernel comes first: whose the differences were can wait.
        defer {
            undone = found(wanted, own, names)
            report.drift = undone?.drift ?? 0
            report.driftedServices = undone?.driftedServices ?? []
        }
        if !wanted.isEmpty { try write(wanted, &report) }
        let ended = now()
        nextLook = ended.advanced(by: (ended - began) * Self.lookShare)
        return observed.mark
    }

    /// Nil if it was given up for other work.
    private func observe(
        unless hasOther: (@Sendable () -> Bool)?
    ) throws(DataplaneError) -> Observation<P.State>? {
        guard let hasOther else { return try store.observe(expecting: planner.plan) }
        return try OptionalWork.run(unless: hasOther) { () throws(DataplaneError) in
            try store.observe(expecting: planner.plan)
        }
    }

    /// What of `wanted` another program caused: what neither the plan's changes nor earlier failures, `own` together,
    /// explain. Nil where the kernel's state was unknown.
    private func found(_ wanted: P.Diff, _ own: Int?, _ names: [ServiceName]) -> Undone? {
        var found = undone ?? Undone()
        if let own {
            found = Undone(own: own, names: Set(names))
        } else if undone == nil {
            return nil
        }
        if let own = found.own {
            found.drift = max(0, wanted.count - own)
            found.driftedServices =
                found.drift > 0 ? planner.services(in: wanted) : []
        } else {
            found.drift = min(found.drift, wanted.count)
        }
        found.driftedServices.subtract(found.names)
        return found
    }

    /// Makes the changes that the plan's own are.
    private mutating func apply(
        _ planned: P.Diff,
        _ names: [ServiceName],
        _ report: inout FamilyPassReport
    ) throws(DataplaneError) {
        do throws(DataplaneError) {
            try write(planned, &report)
        } catch {
            undone = Undone(own: planned.count + leftOver, names: Set(names))
            throw error
        }
    }

    private mutating func write(
        _ diff: P.Diff,
        _ report: inout FamilyPassReport
    ) throws(DataplaneError) {
        let began = now()
        applied = diff
        let sentBefore = store.sendTimes
        report.apply = try store.apply(diff)
        if let sentBefore { report.sendTimes = store.sendTimes.map { $0 - sentBefore } }
        if !report.apply.failures.isEmpty {
            failures += report.apply.failures.filter { !failures.contains($0) }
            leftOver += diff.count
        }
        report.applying = now() - began
        report.operationsByObject = diff.countByObject
    }

    /// Whether the kernel's state is known: the next pass need not compare it with the whole plan.
    package var isKnown: Bool { mark != nil }

    /// Whether the kernel holds the plan as of the last pass, except for single objects.
    package var stands: Bool { mark != nil && failures.allSatisfy { $0.scope == .object } }

    /// Whether the kernel has to be observed to find where it differs from the plan.
    package var needsObservation: Bool { mark == nil || !failures.isEmpty }

    /// Whether another program changed Fairlead's objects since they were last observed; a possible
    /// change counts only once in a while. False while the kernel's state is unknown anyway. Fails if
    /// the store cannot answer.
    package func hasDrifted() throws(DataplaneError) -> Bool {
        guard let mark else { return false }
        switch try store.changes(since: mark) {
        case .none: return false
        case .possible: return now() >= nextLook
        case .certain: return true
        }
    }

    /// See `KernelStore.announcements`.
    package var announcements: [Int32] { store.announcements }

    /// See `KernelStore.announcesAll`.
    package var announcesAll: Bool { store.announcesAll }

    /// Does due work; see `KernelStore.performDueWork`. Nothing is compared with the plan while objects
    /// could not be changed: they would differ every time.
    package func performDueWork() throws(DataplaneError) {
        try store.performDueWork(expecting: needsObservation ? nil : planner.plan)
    }

    /// The Services that changed since the last call, sorted. Call it after a successful pass, when the
    /// kernel serves their present state.
    package mutating func takeChanges() -> [ServiceName] {
        defer { changed = [] }
        return changed.sorted()
    }

    /// Replaces settings and plan: everything is planned again, and the next pass observes.
    package mutating func replace(desired: DesiredState, planner: P) {
        // Services that are gone by the next pass count as changed too.
        changed.formUnion(self.desired.services.keys)
        self.desired = desired
        self.planner = planner
        mark = nil
        undone = nil
    }
}

/// What a pass did in one family.
package struct FamilyPassReport: Sendable {
    /// Services whose state on this node changed.
    package var changedServices: Int
    /// Objects that differed from what was left there, though no Service changed them.
    package var drift: Int
    /// Services that those objects belong to, without those that changed in the same pass.
    package var driftedServices: Set<ServiceName>
    package var apply: ApplyReport
    /// The kernel was to be compared with the plan, which other work kept from being done.
    package var isGivenUp = false
    /// A setting of the host that the plan needs and that could not be changed.
    package var hostFailure: PassReport.Failure?
    /// Changed objects by kind.
    package var operationsByObject: [ChangedObject: Int] = [:]
    /// The first operations in the format of the mode's tools; empty unless requested.
    package var operationLines: [String] = []
    /// Time for selecting and planning.
    package var planning = Duration.zero
    /// Time for selecting alone.
    package var selecting = Duration.zero
    package var observing = Duration.zero
    /// Time for comparing what was observed with the plan. A change's own diff comes with its plan.
    package var diffing = Duration.zero
    package var applying = Duration.zero
    /// How much of that was sending; nil if the store does not measure it.
    package var sendTimes: SendTimes?

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

    /// Adds a later part of the same pass. Lines of operations are not taken over.
    mutating func add(_ later: FamilyPassReport) {
        changedServices += later.changedServices
        isGivenUp = isGivenUp || later.isGivenUp
        drift += later.drift
        driftedServices.formUnion(later.driftedServices)
        apply += later.apply
        operationsByObject.merge(later.operationsByObject) { $0 + $1 }
        planning += later.planning
        selecting += later.selecting
        observing += later.observing
        diffing += later.diffing
        applying += later.applying
    }
}
