import Addressing
import Dataplane
import DataplaneModel
import Planning
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
        /// Single objects that every `apply` reports as not changed.
        var objectFailures: [DataplaneError] = []
        /// As long as there are such, nothing is changed.
        var isRefusing = false
    }

    let content = Mutex(Content())

    func observe() throws(DataplaneError) -> IPTablesState {
        content.withLock {
            $0.observations += 1
            return $0.state
        }
    }

    func inspect(_ wanted: IPTablesState) throws(DataplaneError) -> Bool {
        content.withLock { $0.state != wanted }
    }

    func apply(_ diff: IPTablesDiff) throws(DataplaneError) -> ApplyReport {
        let failed = content.withLock { content -> Bool in
            if content.failures > 0 {
                content.failures -= 1
                return true
            }
            content.applied.append(diff)
            if content.isRefusing { return false }
            for table in diff.tables { content.state[table.table].execute(table) }
            return false
        }
        if failed {
            throw DataplaneError(kind: .busy, operation: "apply", subject: "fake", errno: 11)
        }
        return ApplyReport(
            operations: diff.count,
            failures: content.withLock { $0.objectFailures }
        )
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
        // Jumps are everybody's.
        #expect(report.driftedServices.isEmpty)
        #expect(store.content.withLock { $0.state } == reconciler.planner.plan)
    }

    @Test("What was repaired is told with its Service, unless that changed meanwhile")
    func driftedServices() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        func damage() {
            store.content.withLock { content in
                for name in content.state.nat.chains.keys where name.text.hasSuffix("-web") {
                    content.state.nat.chains[name] = nil
                }
            }
        }
        damage()
        var report = try reconciler.pass(snapshot(2, changed: .some([])), observe: true)
        #expect(report.drift == 1)
        #expect(report.driftedServices == [ServiceName(namespace: "default", name: "web")])
        damage()
        report = try reconciler.pass(snapshot(3, changed: web), observe: true)
        #expect(report.driftedServices.isEmpty)
    }

    @Test("A look at a part counts only where the kernel is known to be as it should")
    func inspection() throws {
        var reconciler = reconciler()
        // Nothing is programmed yet, and that is no drift.
        #expect(try !reconciler.inspect())
        _ = try reconciler.pass(snapshot(2), observe: false)
        #expect(try !reconciler.inspect())
        store.content.withLock { $0.state.nat.jumps.removeAll() }
        #expect(try reconciler.inspect())
        // What cannot be changed would differ at every look.
        store.content.withLock {
            $0.objectFailures = [
                DataplaneError(kind: .other, operation: "apply", subject: "fake", errno: 22)
            ]
        }
        _ = try reconciler.pass(snapshot(3, changed: web), observe: true)
        store.content.withLock { $0.state.nat.jumps.removeAll() }
        #expect(try !reconciler.inspect())
        store.content.withLock { $0.objectFailures = [] }
        _ = try reconciler.pass(snapshot(3, changed: .some([])), observe: true)
        store.content.withLock { $0.state.nat.jumps.removeAll() }
        #expect(try reconciler.inspect())
    }

    @Test("What could not be changed stays known until it is, and is nobody's drift")
    func objectFailures() throws {
        var reconciler = reconciler()
        let refusal = DataplaneError(kind: .other, operation: "apply", subject: "fake", errno: 22)
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.content.withLock {
            $0.objectFailures = [refusal]
            $0.isRefusing = true
        }
        _ = try reconciler.pass(snapshot(3, changed: web), observe: false)
        #expect(reconciler.failures == [refusal])
        // A pass with nothing to do forgets nothing, and one that tries again tells it once.
        _ = try reconciler.pass(snapshot(3, changed: .some([])), observe: false)
        #expect(reconciler.failures == [refusal])
        for _ in 1...2 {
            let report = try reconciler.pass(snapshot(3, changed: .some([])), observe: true)
            #expect(report.drift == 0 && report.driftedServices.isEmpty)
            #expect(reconciler.failures == [refusal])
        }
        store.content.withLock {
            $0.objectFailures = []
            $0.isRefusing = false
        }
        let report = try reconciler.pass(snapshot(3, changed: .some([])), observe: true)
        #expect(report.drift == 0)
        #expect(reconciler.failures.isEmpty)
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

    @Test(
        "Changed Services are told once, after the pass that succeeded, and those of a failed one too"
    )
    func changes() throws {
        var reconciler = reconciler()
        let name = ServiceName(namespace: "default", name: "web")
        store.content.withLock { $0.failures = 1 }
        #expect(throws: DataplaneError.self) {
            try reconciler.pass(snapshot(2), observe: false)
        }
        _ = try reconciler.pass(snapshot(2, changed: .some([])), observe: false)
        #expect(reconciler.takeChanges() == [name])
        #expect(reconciler.takeChanges() == [])
        // With other settings all are planned anew, and what is gone by then has changed too.
        let desired = DesiredState(family: .ipv4, settings: reconciler.desired.settings)
        reconciler.replace(
            desired: desired,
            planner: IPTablesPlanner(family: .ipv4, settings: desired.settings)
        )
        _ = try reconciler.pass(
            SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .all),
            observe: false
        )
        #expect(reconciler.takeChanges() == [name])
    }
}
