import Addressing
import DataplaneModel
import Glibc
import LinuxKernel
import Planning
import Reconciling
import ServiceModel

/// Fairlead in ipvs mode as its daemon runs it: one family, in this thread's network namespace.
struct IPVSTables {
    typealias Reconciler = FamilyReconciler<IPVSPlanner, IPVSStore>

    /// ClusterIPs come from one range and pods from another, as in most clusters.
    static func settings(bindsRange: Bool) -> PlannerSettings {
        PlannerSettings(
            node: NodeIdentity(name: "bench"),
            detector: .sources([Workload.pods]),
            serviceCIDRs: [Workload.clusterIPs],
            bindsServiceRanges: bindsRange
        )
    }

    static let drainTimeout = Duration.seconds(600)

    let traffic = NetlinkTraffic()
    private let store: IPVSStore
    private var reconciler: Reconciler
    private var snapshot = ServiceSnapshot(revision: 0)

    /// Binds each ClusterIP, or all of their range.
    init(bindsRange: Bool = false) {
        let settings = Self.settings(bindsRange: bindsRange)
        let store = IPVSStore(
            family: .ipv4,
            IPVSStore.Configuration(
                drainTimeout: Self.drainTimeout,
                addressSet: NameScheme.set(.addresses, .ipv4)
            ),
            traffic: traffic,
            ownsChain: NameScheme.owns(chain:),
            ownsSet: Self.owns(set:)
        )
        self.store = store
        reconciler = FamilyReconciler(
            desired: DesiredState(family: .ipv4, settings: settings),
            planner: IPVSPlanner(family: .ipv4, settings: settings),
            store: store
        )
    }

    /// All that is wanted for `update`.
    static func plan(_ update: SnapshotUpdate) -> IPVSState {
        let settings = settings(bindsRange: false)
        var desired = DesiredState(family: .ipv4, settings: settings)
        var planner = IPVSPlanner(family: .ipv4, settings: settings)
        _ = planner.plan(desired.select(update), of: desired)
        return planner.plan
    }

    static func owns(set name: String) -> Bool { NameScheme.owns(set: name, .ipv4) }

    /// Enters a new network namespace for good, once the kernel has cleared away the last one.
    static func enterNewNamespace() throws {
        try NetworkNamespace.enterNew()
        try ChildProcess.run("ip", "link", "set", "lo", "up")
        try Machine.waitUntilIdle()
    }

    // MARK: - Passes

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

    /// One endpoint goes and comes back, `count` changes in all; the messages that each took, which
    /// must be the same number.
    mutating func change(_ workload: Workload, count: Int) throws -> (costs: [Cost], messages: Int)
    {
        var updates: [SnapshotUpdate] = []
        for step in 1...count {
            let update = workload.change(of: snapshot, step: step)
            snapshot = update.snapshot
            updates.append(update)
        }
        let before = traffic.messages
        let costs = try Cost.ofEach(updates) { update in
            let report = try reconciler.pass(update, observe: false)
            guard report.apply.operations == 1, report.apply.failures.isEmpty else {
                throw BenchFailure("one endpoint took \(report.apply.operations) operations")
            }
        }
        let messages = traffic.messages - before
        guard messages.isMultiple(of: count) else {
            throw BenchFailure("\(count) changes took \(messages) messages")
        }
        return (costs, messages / count)
    }
}

/// All objects have to be taken, or the figures mean nothing.
func requireSuccess(_ report: ApplyReport) throws {
    if let failure = report.failures.first {
        throw BenchFailure("\(report.failures.count) objects were refused, the first: \(failure)")
    }
}
