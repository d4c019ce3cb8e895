import Addressing
import Dataplane
import DataplaneModel
import NFTables
import Planning
import ProxyModes
import ServiceModel

/// Fairlead in nftables mode as its daemon runs it: one family, in this thread's network namespace.
struct NFTTables: FairleadPasses {
    typealias Mode = NFTablesMode
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
    var dataplane: ModeDataplane<Mode, Store>
    var snapshot = ServiceSnapshot(revision: 0)

    init() {
        let settings = FairleadTables.settings
        let store = NFTablesStore(family: .ipv4)
        self.store = store
        dataplane = ModeDataplane(Mode.self, .ipv4, settings, store, localnet: nil)
    }

    var messagesSent: Int { store.messagesSent }

    /// One endpoint that goes or comes back, from the input to the kernel's acknowledgement.
    mutating func change(_ workload: Workload, step: Int) throws -> Change {
        let update = workload.change(of: snapshot, step: step)
        snapshot = update.snapshot
        let before = store.messagesSent
        let (cost, report) = try Cost.of { try pass(update, observe: false) }
        try requireSuccess(report.apply)
        guard report.apply.operations > 0 else { throw BenchFailure("one endpoint took nothing") }
        let messages = store.messagesSent - before
        return Change(
            cost: cost,
            messages: messages,
            elements: report.apply.operations,
            listening: try Cost.of { try dataplane.hasDrifted() }.0
        )
    }
}
