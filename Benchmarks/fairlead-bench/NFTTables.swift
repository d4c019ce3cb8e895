import Addressing
import Dataplane
import DataplaneModel
import LinuxKernel
import Planning
import ServiceModel

/// Fairlead in nftables mode as its daemon runs it: one family, in this thread's network namespace.
struct NFTTables: FairleadPasses {
    typealias P = NFTablesPlanner
    typealias Store = NFTablesStore

    /// What one change took.
    struct Change {
        var cost: Cost
        var messages: Int
        var elements: Int
        /// Reading the kernel's notifications of it, as the daemon does once a second.
        var listening: Cost
    }

    let store: NFTablesStore
    var reconciler: FamilyReconciler<P, Store>
    var snapshot = ServiceSnapshot(revision: 0)

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
            listening: try Cost.of { try reconciler.hasDrifted() }.0
        )
    }
}
