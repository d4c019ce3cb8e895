import Addressing
import DataplaneModel
import Planning
import Reconciling
import ServiceModel
import Synchronization
import Testing

/// A kernel in memory that executes diffs, counts calls and can be made to fail.
private final class FakeStore: KernelStore {
    struct Content {
        var state = IPTablesState()
        var applied: [IPTablesDiff] = []
        var observations = 0
        var failures = 0
    }

    let content = Mutex(Content())

    func observe() throws(DataplaneError) -> IPTablesState {
        content.withLock {
            $0.observations += 1
            return $0.state
        }
    }

    func apply(_ diff: IPTablesDiff) throws(DataplaneError) -> ApplyReport {
        let failed = content.withLock { content -> Bool in
            if content.failures > 0 {
                content.failures -= 1
                return true
            }
            content.applied.append(diff)
            for table in diff.tables { content.state[table.table].execute(table) }
            return false
        }
        if failed {
            throw DataplaneError(kind: .busy, operation: "apply", subject: "fake", errno: 11)
        }
        return ApplyReport(operations: diff.count)
    }
}

extension OwnedTable {
    fileprivate mutating func execute(_ diff: TableDiff) {
        for change in diff.chains {
            switch change {
            case .create(let chain), .replace(_, let chain): chains[chain.name] = chain
            case .delete(let chain): chains[chain.name] = nil
            }
        }
        for change in diff.jumps {
            switch change {
            case .insert(let jump): jumps.insert(jump, at: 0)
            case .delete(let jump): jumps.firstIndex(of: jump).map { _ = jumps.remove(at: $0) }
            }
        }
    }
}

@Suite struct FamilyReconcilerTests {
    private let store = FakeStore()

    private func reconciler() -> FamilyReconciler<IPTablesPlanner, FakeStore> {
        let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        return FamilyReconciler(
            desired: DesiredState(family: .ipv4, settings: settings),
            planner: IPTablesPlanner(family: .ipv4, settings: settings),
            store: store
        )
    }

    private func snapshot(_ endpoints: Int, changed: ChangedServices = .all) -> SnapshotUpdate {
        let name = ServiceName(namespace: "default", name: "web")
        guard let port = PortNumber(80) else { preconditionFailure("80 is a port") }
        let service = Service(
            name: name,
            clusterIPs: [IPAddress(ipv4: 0x0a60_000a)],
            ports: [ServicePort(port: port)]
        )
        let slice = EndpointSlice(
            name: "web-1",
            service: name,
            family: .ipv4,
            ports: [EndpointPort(port: port)],
            endpoints: (0..<endpoints).map {
                Endpoint(address: IPAddress(ipv4: 0x0ab4_0002 + UInt32($0)))
            }
        )
        return SnapshotUpdate(
            snapshot: ServiceSnapshot(services: [name: service], slices: [name: [slice]]),
            changed: changed
        )
    }

    private var web: ChangedServices {
        .some([ServiceName(namespace: "default", name: "web")])
    }

    @Test("The first pass observes and programs everything; a repetition writes nothing")
    func firstPassAndNoOp() throws {
        var reconciler = reconciler()
        let first = try reconciler.pass(snapshot(2), observe: false)
        #expect(first.apply.operations > 0)
        #expect(first.drift == 0)
        #expect(store.content.withLock { $0.state } == reconciler.planner.plan)
        let second = try reconciler.pass(snapshot(2), observe: false)
        #expect(second.changedServices == 0 && second.apply == ApplyReport())
        let third = try reconciler.pass(snapshot(2), observe: true)
        #expect(third.changedServices == 0 && third.apply == ApplyReport())
        #expect(store.content.withLock { $0.applied.count } == 1)
        #expect(store.content.withLock { $0.observations } == 2)
    }

    @Test("One more endpoint is one operation, without looking at the kernel")
    func oneEndpoint() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        let report = try reconciler.pass(snapshot(3, changed: web), observe: false)
        #expect(report.apply.operations == 1)
        #expect(store.content.withLock { $0.observations } == 1)
    }

    @Test("What somebody else removed is put back and counted as drift")
    func drift() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.content.withLock { $0.state.nat.jumps.removeAll() }
        let report = try reconciler.pass(snapshot(2, changed: .some([])), observe: true)
        #expect(report.drift == 3)
        #expect(store.content.withLock { $0.state } == reconciler.planner.plan)
    }

    @Test("After a failure the next pass observes, and nothing planned is lost")
    func failure() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.content.withLock { $0.failures = 1 }
        #expect(throws: DataplaneError.self) {
            try reconciler.pass(snapshot(5, changed: web), observe: false)
        }
        let report = try reconciler.pass(snapshot(5, changed: .some([])), observe: false)
        #expect(report.apply.operations == 1)
        #expect(store.content.withLock { $0.observations } == 2)
        #expect(store.content.withLock { $0.state } == reconciler.planner.plan)
    }
}
