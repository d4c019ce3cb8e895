import Addressing
import DataplaneModel
import LinuxKernel
import Planning
import Reconciling
import ServiceModel

/// Fairlead in nftables mode as its daemon runs it: one family, in this thread's network namespace.
struct NFTTables {
    typealias Reconciler = FamilyReconciler<NFTablesPlanner, NFTablesStore>

    /// What one change took.
    struct Change {
        var cost: Cost
        var messages: Int
        var elements: Int
        /// Reading the kernel's notifications of it, as the daemon does once a second.
        var listening: Cost
    }

    private let store: NFTablesStore
    private var reconciler: Reconciler
    private var snapshot = ServiceSnapshot(revision: 0)

    init() {
        let settings = FairleadTables.settings
        let store = NFTablesStore(family: .ipv4)
        self.store = store
        reconciler = FamilyReconciler(
            desired: DesiredState(family: .ipv4, settings: settings),
            planner: NFTablesPlanner(family: .ipv4, settings: settings),
            store: store
        )
    }

    var messagesSent: Int { store.messagesSent }

    /// Selecting, planning, reading what is there and writing all of `update`.
    mutating func program(_ update: SnapshotUpdate) throws -> Cost {
        snapshot = update.snapshot
        let (cost, report) = try Cost.of { try reconciler.pass(update, observe: true) }
        try requireSuccess(report.apply)
        return cost
    }

    /// The same when all is there already: nothing is written.
    mutating func programAgain() throws -> Cost {
        let update = SnapshotUpdate(snapshot: snapshot, changed: .all)
        let (cost, report) = try Cost.of { try reconciler.pass(update, observe: true) }
        guard report.apply.operations == 0, report.drift == 0 else {
            throw BenchFailure("what is there was written again")
        }
        return cost
    }

    /// Reading all that is there.
    func observe() throws -> Cost {
        try Cost.of { try store.observe() }.0
    }

    /// One endpoint that goes or comes back, from the input to the kernel's acknowledgement.
    mutating func change(_ workload: Workload, step: Int) throws -> Change {
        let update = workload.change(of: snapshot, step: step)
        snapshot = update.snapshot
        let before = store.messagesSent
        let (cost, report) = try Cost.of { try reconciler.pass(update, observe: false) }
        try requireSuccess(report.apply)
        guard report.apply.operations > 0 else { throw BenchFailure("one endpoint took nothing") }
        let messages = store.messagesSent - before
        return Change(
            cost: cost,
            messages: messages,
            elements: report.apply.operations,
            listening: try Cost.of { try store.measure() }.0
        )
    }
}
