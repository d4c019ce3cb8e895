import Addressing
import Dataplane
import DataplaneModel
import HostFacts
import IPVS
import Netlink
import Planning
import ProxyModes
import ServiceModel

/// Fairlead in ipvs mode as its daemon runs it: one family, in this thread's network namespace.
struct IPVSTables: FairleadPasses {
    typealias Mode = IPVSMode
    typealias Store = IPVSStore

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
    let store: IPVSStore
    var dataplane: ModeDataplane<Mode, Store>
    var snapshot = ServiceSnapshot(revision: 0)

    /// Binds each ClusterIP, or all of their range.
    init(bindsRange: Bool = false) {
        let settings = Self.settings(bindsRange: bindsRange)
        let store = IPVSStore(
            family: .ipv4,
            IPVSStore.Configuration(
                drainTimeout: Self.drainTimeout,
                addressSet: NameScheme.set(.addresses, .ipv4)
            ),
            traffic: traffic
        )
        self.store = store
        dataplane = ModeDataplane(Mode.self, .ipv4, settings, store, localnet: nil)
    }

    /// All that is wanted for `update`.
    static func plan(_ update: SnapshotUpdate) -> IPVSState {
        let settings = settings(bindsRange: false)
        var desired = DesiredState(family: .ipv4, settings: settings)
        var planner = IPVSPlanner(family: .ipv4, settings: settings)
        planner.load(desired.select(update), of: desired)
        return planner.plan
    }

    static func owns(set name: String) -> Bool { Ownership.fairlead.owns(set: name, .ipv4) }

    /// Enters a new network namespace for good, once the kernel has cleared away the last one.
    static func enterNewNamespace() throws {
        try NetworkNamespace.enterNew()
        try ChildProcess.run("ip", "link", "set", "lo", "up")
        try Machine.waitUntilIdle()
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
            let report = try pass(update, observe: false)
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
