package import Addressing
package import DataplaneModel
package import Planning
import ProxyModes
package import ServiceModel

/// The store of a socket level.
package protocol SocketLevelStore: KernelStore where State == SocketState, Diff == SocketDiff {
    /// How full maps are, and which programs are attached, ours and others; `SocketUse.failure` is what could not be
    /// found out. Fails if the kernel does not tell how programs are attached.
    func use() throws(DataplaneError) -> SocketUse

    /// Brings what changes often up to date: how full maps are, and what had no room. Costs a few calls to the
    /// kernel, which may fail.
    func refresh(_ use: inout SocketUse) throws(DataplaneError)
}

/// The socket level of one family, whatever its store.
package protocol SocketFamily {
    var family: IPFamily { get }
    /// Single objects that could not be changed and will be retried.
    var failures: [DataplaneError] { get }
    /// Whether the next full pass has to observe the kernel to find what is left to do.
    var needsObservation: Bool { get }
    /// As of the last pass or `look`; nil before the first pass, and if it could not be found out.
    var use: SocketUse? { get }

    /// Brings Services that are served already up to date, before the mode's rules.
    mutating func begin(_ update: SnapshotUpdate)

    /// Does the rest of a pass, after the mode's rules, whether these could be changed or not.
    mutating func finish(
        _ update: SnapshotUpdate,
        observe: Bool,
        unless hasOther: (@Sendable () -> Bool)?,
        explain: Bool
    ) throws(DataplaneError) -> FamilyPassReport

    /// Whether another program changed something, or that cannot be found out.
    func hasDrifted() -> Bool

    /// Does work that has become due. A failure shows in `hasDrifted`.
    mutating func performDueWork()

    /// Brings `use` up to date, with some dozens of calls to the kernel at any size. Nothing before the first pass.
    mutating func look()

    /// Replaces the settings: everything is planned again.
    mutating func replan(_ settings: PlannerSettings)
}

/// The reconciler of one family's socket level.
///
/// A pass has two parts, around that of the mode's rules, so that the socket level never leads where these
/// would not: the endpoints and frontends that a known Service loses leave it first, and a new Service comes
/// to it last. A connection that the socket level does not take meanwhile meets the rules, which are whole.
package struct SocketDataplane<Store: SocketLevelStore>: SocketFamily {
    package let family: IPFamily
    private let store: Store
    private var reconciler: FamilyReconciler<SocketPlanner, Store>
    /// Of the part of the pass that came before the rules.
    private var begun: FamilyPassReport?
    private var begunDiff: SocketDiff?
    private var dueWorkFailed = false
    /// Nothing is planned yet: the next pass plans all Services, whatever its update names.
    private var isEmpty = true
    package private(set) var use: SocketUse?

    /// The most operations that are reported as text.
    private static var explained: Int { 1000 }

    package init(_ family: IPFamily, _ settings: PlannerSettings, _ store: Store) {
        self.family = family
        self.store = store
        reconciler = FamilyReconciler(
            desired: DesiredState(family: family, settings: settings),
            planner: SocketPlanner(family: family, settings: settings),
            store: store
        )
    }

    package var failures: [DataplaneError] { reconciler.failures }
    package var needsObservation: Bool { dueWorkFailed || reconciler.needsObservation }

    package mutating func begin(_ update: SnapshotUpdate) {
        (begun, begunDiff) = (nil, nil)
        let known = parts(update).known
        // What is unknown is compared as a whole, after the rules.
        guard !known.isEmpty, reconciler.isKnown else { return }
        var part = update
        part.changed = .some(known)
        // After a failure the state is unknown, so that the rest of the pass tries again.
        begun = try? reconciler.pass(part, observe: false)
        begunDiff = reconciler.applied
    }

    package mutating func finish(
        _ update: SnapshotUpdate,
        observe: Bool,
        unless hasOther: (@Sendable () -> Bool)? = nil,
        explain: Bool
    ) throws(DataplaneError) -> FamilyPassReport {
        defer { _ = reconciler.takeChanges() }
        var report = begun ?? FamilyPassReport()
        var diffs = [begunDiff].compactMap(\.self)
        var part = update
        if isEmpty {
            part.changed = .all
        } else if begun != nil {
            part.changed = .some(parts(update).new)
        }
        isEmpty = false
        if observe || !reconciler.isKnown || !part.changed.isEmpty || begun == nil {
            let rest: FamilyPassReport
            do throws(DataplaneError) {
                rest = try reconciler.pass(
                    part,
                    observe: observe || dueWorkFailed,
                    unless: dueWorkFailed ? nil : hasOther
                )
            } catch {
                // Programs that are attached go on with what they had.
                findUse()
                throw error
            }
            dueWorkFailed = false
            report.add(rest)
            diffs += [reconciler.applied].compactMap(\.self)
        }
        if explain {
            let lines = diffs.flatMap {
                SocketLevel.changes($0, family).split(separator: "\n").dropFirst()
            }
            report.operationLines = lines.prefix(Self.explained).map(String.init)
        }
        // Programs change only when all is compared; maps with every change.
        if use?.failure == nil, var present = use, report.observing == .zero {
            do throws(DataplaneError) {
                try store.refresh(&present)
            } catch {
                present.failure = "\(error)"
            }
            use = present
        } else {
            findUse()
        }
        return report
    }

    package mutating func look() {
        if !isEmpty { findUse() }
    }

    /// What cannot be found out now stays as it was known.
    private mutating func findUse() {
        do throws(DataplaneError) {
            use = try store.use()
        } catch {
            use?.failure = "\(error)"
        }
    }

    /// The changed Services by whether they are served already; none if all may have changed.
    private func parts(
        _ update: SnapshotUpdate
    ) -> (known: Set<ServiceName>, new: Set<ServiceName>) {
        guard case .some(let names) = update.changed else { return ([], []) }
        let known = names.filter { reconciler.desired.services[$0] != nil }
        return (known, names.subtracting(known))
    }

    package func hasDrifted() -> Bool {
        if dueWorkFailed { return true }
        return (try? reconciler.hasDrifted()) ?? true
    }

    package mutating func performDueWork() {
        do throws(DataplaneError) {
            try reconciler.performDueWork()
        } catch {
            dueWorkFailed = true
        }
    }

    package mutating func replan(_ settings: PlannerSettings) {
        isEmpty = true
        reconciler.replace(
            desired: DesiredState(family: family, settings: settings),
            planner: SocketPlanner(family: family, settings: settings)
        )
    }
}
