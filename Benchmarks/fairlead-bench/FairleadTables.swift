import Addressing
import CIPTables
import Dataplane
import DataplaneModel
import Glibc
import HostFacts
import Planning
import ProxyModes
import ServiceModel
import XTables

/// Fairlead in iptables mode as its daemon runs it: one family, in this thread's network namespace.
struct FairleadTables: FairleadPasses {
    typealias Mode = IPTablesMode
    typealias Store = IPTablesStore

    static let settings = PlannerSettings(node: NodeIdentity(name: "bench"))
    let store: IPTablesStore
    var dataplane: ModeDataplane<Mode, Store>
    var snapshot = ServiceSnapshot(revision: 0)

    init() {
        let settings = Self.settings
        let store = IPTablesStore(
            family: .ipv4,
            lock: .init(path: Self.lockFile),
            owns: Ownership.fairlead.owns(chain:)
        )
        self.store = store
        dataplane = ModeDataplane(Mode.self, .ipv4, settings, store, localnet: nil)
    }

    /// The benchmark's own lock, where iptables looks for it too: the host's tables are not
    /// touched here. scripts/bench sets it.
    private static var lockFile: String {
        getenv("XTABLES_LOCKFILE").map { String(cString: $0) } ?? "/tmp/fairlead-bench.lock"
    }

    /// Moves this process into a new network namespace for good.
    ///
    /// Before it has other threads: those that are started later, such as an API server's, are there, too.
    /// Those of a daemon's thread that enters a namespace are not (`NetworkNamespace`).
    static func enterNewNamespace() throws {
        setenv("XTABLES_LOCKFILE", lockFile, 1)
        guard unshare(Int32(namespace_of_network)) == 0 else {
            throw BenchFailure.system("unshare")
        }
    }

    /// The same for one endpoint that goes or comes back, when the tables are known.
    mutating func change(_ workload: Workload, step: Int) throws -> Cost {
        let update = workload.change(of: snapshot, step: step)
        snapshot = update.snapshot
        let (cost, report) = try Cost.of { try pass(update, observe: false) }
        guard report.apply.operations == 1 else {
            throw BenchFailure("one endpoint took \(report.apply.operations) operations")
        }
        return cost
    }
}
