package import Addressing
package import DaemonConfiguration
import Dataplane
package import DataplaneModel
import HostFacts
package import Planning
package import ServiceModel
package import SocketLB
import SystemCalls

extension SocketStore: SocketLevelStore {}

extension SocketPlace {
    /// Where the configuration wants the programs; it must be on.
    ///
    /// - Throws: `.notFound` if it names no cgroup and cgroup v2 is not mounted.
    package init(_ configuration: DaemonConfiguration.SocketLB) throws(DataplaneError) {
        guard let cgroup = configuration.cgroup ?? UnifiedHierarchy.mountPoint() else {
            throw .system(
                "open",
                "cgroup v2",
                2,
                kind: .notFound,
                message: "not mounted: mount it, or name its directory in socketLB.cgroup"
            )
        }
        self.init(
            cgroup: cgroup,
            directory: configuration.bpfDirectory,
            scope: configuration.scope == .node ? .node : .all,
            transports: configuration.protocols
        )
        excludedCgroups = configuration.excludeCgroups
    }
}

/// One family's plan of the socket level, made at once from a snapshot.
package struct PlannedSockets {
    package var family: IPFamily
    package var planner: SocketPlanner

    /// For each family that is asked for, both if none is; empty while the socket level is off.
    package static func all(
        _ configuration: DaemonConfiguration,
        _ update: SnapshotUpdate,
        facts: NodeFacts
    ) -> [PlannedSockets] {
        guard configuration.socketLB.scope != .off else { return [] }
        let settings = PlannerSettings(configuration, facts: facts)
        return (configuration.families ?? IPFamily.allCases).map { family in
            var desired = DesiredState(family: family, settings: settings)
            var planner = SocketPlanner(family: family, settings: settings)
            planner.load(desired.select(update), of: desired)
            return PlannedSockets(family: family, planner: planner)
        }
    }

    /// What would change in the kernel, without changing it. For a thread in the node's network namespace.
    package func diff(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> SocketDiff {
        try compare(configuration).diff
    }

    private func compare(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> (diff: SocketDiff, isDetached: Bool) {
        let store = SocketStore(family: family, place: try SocketPlace(configuration.socketLB))
        let diff = SocketDiff(from: try store.observe().state, to: planner.plan)
        return (diff, store.isDetached)
    }

    /// Programs that go on although the socket level is off: a daemon that may not see them has switched it off.
    /// For a thread in the node's network namespace.
    package static func remains(
        _ configuration: DaemonConfiguration.SocketLB
    ) throws(DataplaneError) -> [(family: IPFamily, difference: ObjectDifference)] {
        let directory = configuration.bpfDirectory
        guard configuration.scope == .off else { return [] }
        let pinned = try SocketStore.pinned(directory: directory)
        guard !pinned.isEmpty, try !SocketStore.isForeign(directory: directory) else { return [] }
        let families = IPFamily.allCases.filter { family in
            pinned.contains { $0.hasPrefix("\(family.rawValue.lowercased())/") }
        }
        return families.map { family in
            let name = "socket programs at \(directory)"
            return (
                family,
                ObjectDifference(
                    kind: .program,
                    name: name,
                    state: .unexpected,
                    owner: .otherMode
                )
            )
        }
    }

    /// The same by object, sorted.
    package func differences(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> [ObjectDifference] {
        let (diff, isDetached) = try compare(configuration)
        let found = planner.differences(in: diff).map { difference in
            var difference = difference
            if isDetached, difference.kind == .program { difference.state = .missing }
            return difference
        }
        return found.sorted()
    }
}
