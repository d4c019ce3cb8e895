import Addressing
import Dataplane
import DataplaneModel
import Planning
import ServiceModel
import Testing

@Suite struct FamilyReconcilerTests {
    private let store = MemoryStore()

    private func reconciler() -> FamilyReconciler<IPTablesPlanner, MemoryStore> {
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

    @Test("Selecting is part of planning, and comparing is apart from reading")
    func times() throws {
        let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        var time = ContinuousClock.now
        var reconciler = FamilyReconciler(
            desired: DesiredState(family: .ipv4, settings: settings),
            planner: IPTablesPlanner(family: .ipv4, settings: settings),
            store: store,
            now: {
                time += .milliseconds(1)
                return time
            }
        )
        let report = try reconciler.pass(snapshot(2), observe: false)
        #expect(report.selecting == .milliseconds(1) && report.planning == .milliseconds(2))
        #expect(report.observing == .milliseconds(1) && report.diffing == .milliseconds(1))
        #expect(report.applying == .milliseconds(1) && report.sendTimes == nil)
    }

    @Test("The first pass observes and programs everything; a repetition writes nothing")
    func firstPassAndNoOp() throws {
        var reconciler = reconciler()
        let first = try reconciler.pass(snapshot(2), observe: false)
        #expect(first.apply.operations > 0)
        #expect(first.drift == 0)
        #expect(store.state == reconciler.planner.plan)
        let second = try reconciler.pass(snapshot(2), observe: false)
        #expect(second.changedServices == 0 && second.apply == ApplyReport())
        let third = try reconciler.pass(snapshot(2), observe: true)
        #expect(third.changedServices == 0 && third.apply == ApplyReport())
        #expect(store.applied.count == 1)
        #expect(store.observations == 2)
    }

    @Test("What comes between a failure and its retry touches no kernel, and the retry programs it")
    func takenIn() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.failures = 1
        #expect(throws: DataplaneError.self) {
            try reconciler.pass(snapshot(3, changed: web), observe: false)
        }
        let (observations, applied) = (store.observations, store.applied.count)
        _ = reconciler.takeChanges()
        reconciler.take(snapshot(4, changed: web))
        reconciler.take(snapshot(5, changed: web))
        #expect(store.observations == observations && store.applied.count == applied)
        _ = try reconciler.pass(snapshot(5, changed: .some([])), observe: false)
        #expect(store.state == reconciler.planner.plan)
        #expect(reconciler.takeChanges().count == 1)
    }

    @Test("One more endpoint is one operation, without looking at the kernel")
    func oneEndpoint() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        let report = try reconciler.pass(snapshot(3, changed: web), observe: false)
        #expect(report.apply.operations == 1)
        #expect(store.observations == 1)
    }

    @Test("Objects that another program removed are restored and counted as drift")
    func drift() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.state.nat.jumps.removeAll()
        let report = try reconciler.pass(snapshot(2, changed: .some([])), observe: true)
        #expect(report.drift == 3)
        // Jumps are everybody's.
        #expect(report.driftedServices.isEmpty)
        #expect(store.state == reconciler.planner.plan)
    }

    @Test("A comparison that is given up leaves what is known, so that changes go on without one")
    func givenUp() throws {
        var reconciler = reconciler()
        let nothing = snapshot(2, changed: .some([]))
        // The kernel's state is unknown: nothing is given up.
        #expect(try !reconciler.pass(snapshot(2), observe: true, unless: { true }).isGivenUp)
        store.state.nat.jumps.removeAll()
        let report = try reconciler.pass(nothing, observe: true, unless: { true })
        #expect(report.isGivenUp && report.drift == 0 && report.observing == .zero)
        #expect(reconciler.isKnown && store.observations == 2)
        // What the pass itself changes goes first.
        let changed = try reconciler.pass(
            snapshot(3, changed: web),
            observe: true,
            unless: { false }
        )
        #expect(changed.isGivenUp && changed.apply.operations == 1 && store.observations == 2)
        let looked = try reconciler.pass(
            snapshot(3, changed: .some([])),
            observe: true,
            unless: { false }
        )
        #expect(!looked.isGivenUp && looked.drift == 3)
        #expect(store.state == reconciler.planner.plan)
    }

    @Test("What other programs are known to have changed is never given up")
    func notGivenUp() throws {
        var reconciler = reconciler()
        let nothing = snapshot(2, changed: .some([]))
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.state.nat.jumps.removeAll()
        store.mark.certain += 1
        let report = try reconciler.pass(nothing, observe: true, unless: { true })
        #expect(!report.isGivenUp && report.drift == 3)
    }

    @Test("Repairs are reported with their Services, except those that changed meanwhile")
    func driftedServices() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        func damage() {
            for name in store.state.nat.chains.keys where name.text.hasSuffix("-web") {
                store.state.nat.chains[name] = nil
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

    @Test("What another program changed counts as drift when the lock was waited for, too")
    func driftBehindLock() throws {
        var reconciler = reconciler()
        let nothing = snapshot(2, changed: .some([]))
        func failsForLock(_ update: SnapshotUpdate, observe: Bool) {
            (store.failures, store.failureKind) = (1, .locked)
            #expect(throws: DataplaneError.self) {
                try reconciler.pass(update, observe: observe)
            }
        }
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.state.nat.jumps.removeAll()
        for _ in 1...3 { failsForLock(nothing, observe: true) }
        #expect(try reconciler.pass(nothing, observe: true).drift == 3)
        #expect(try reconciler.pass(nothing, observe: true).drift == 0)
        // The change that waited is not drift, and what happened meanwhile is.
        failsForLock(snapshot(3, changed: web), observe: false)
        store.state.nat.jumps.removeAll()
        #expect(try reconciler.pass(snapshot(3, changed: .some([])), observe: true).drift == 3)
        failsForLock(snapshot(4, changed: web), observe: false)
        #expect(try reconciler.pass(snapshot(4, changed: .some([])), observe: true).drift == 0)
        // More changes come while it waits: what had been found before still counts.
        store.state.nat.jumps.removeAll()
        failsForLock(snapshot(4, changed: .some([])), observe: true)
        reconciler.take(snapshot(5, changed: web))
        #expect(try reconciler.pass(snapshot(5, changed: .some([])), observe: true).drift == 3)
        #expect(store.state == reconciler.planner.plan)
        // Another failure says nothing about what was done.
        store.state.nat.jumps.removeAll()
        (store.failures, store.failureKind) = (1, .busy)
        #expect(throws: DataplaneError.self) {
            try reconciler.pass(snapshot(5, changed: .some([])), observe: true)
        }
        #expect(try reconciler.pass(snapshot(5, changed: .some([])), observe: true).drift == 0)
    }

    @Test("A part is compared only where the kernel is known to be as it should")
    func comparison() throws {
        var reconciler = reconciler()
        func finds() throws -> Bool {
            try reconciler.performDueWork()
            return try reconciler.hasDrifted()
        }
        // Nothing is programmed yet, and that is no drift.
        #expect(try !finds())
        _ = try reconciler.pass(snapshot(2), observe: false)
        #expect(try !finds())
        store.state.nat.jumps.removeAll()
        #expect(try finds())
        // What cannot be changed would differ at every look.
        store.objectFailures = [
            DataplaneError(kind: .other, operation: "apply", subject: "fake", errno: 22)
        ]
        _ = try reconciler.pass(snapshot(3, changed: web), observe: true)
        store.state.nat.jumps.removeAll()
        #expect(try !finds())
        store.objectFailures = []
        _ = try reconciler.pass(snapshot(3, changed: .some([])), observe: true)
        store.state.nat.jumps.removeAll()
        #expect(try finds())
    }

    @Test("A certain change is repaired by the next pass, a possible one when it is time to look")
    func foreignChanges() throws {
        var now = ContinuousClock.now
        let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        var reconciler = FamilyReconciler(
            desired: DesiredState(family: .ipv4, settings: settings),
            planner: IPTablesPlanner(family: .ipv4, settings: settings),
            store: store
        ) {
            now += .milliseconds(10)
            return now
        }
        let nothing = snapshot(2, changed: .some([]))
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.mark.certain += 1
        store.state.nat.jumps.removeAll()
        #expect(try reconciler.hasDrifted())
        let report = try reconciler.pass(nothing, observe: false)
        #expect(report.drift == 3)
        #expect(try !reconciler.hasDrifted())
        store.mark.possible += 1
        store.state.nat.jumps.removeAll()
        #expect(try !reconciler.hasDrifted())
        #expect(try reconciler.pass(nothing, observe: false).drift == 0)
        #expect(try !reconciler.hasDrifted())
        now += .seconds(2)
        #expect(try reconciler.hasDrifted())
        #expect(try reconciler.pass(nothing, observe: true).drift == 3)
        #expect(try !reconciler.hasDrifted())
    }

    @Test("Where the store cannot tell what changed, the pass fails and the next one observes")
    func unknownChanges() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.changesFailure = DataplaneError(
            kind: .other,
            operation: "ask",
            subject: "fake",
            errno: 5
        )
        #expect(throws: DataplaneError.self) { try reconciler.hasDrifted() }
        #expect(throws: DataplaneError.self) {
            try reconciler.pass(snapshot(3, changed: web), observe: false)
        }
        #expect(reconciler.needsObservation)
        store.changesFailure = nil
        let report = try reconciler.pass(snapshot(3, changed: .some([])), observe: false)
        #expect(report.apply.operations == 1)
        #expect(store.state == reconciler.planner.plan)
    }

    @Test("Objects that could not be changed stay known until they are, and do not count as drift")
    func objectFailures() throws {
        var reconciler = reconciler()
        let refusal = DataplaneError(kind: .other, operation: "apply", subject: "fake", errno: 22)
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.objectFailures = [refusal]
        store.isRefusing = true
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
        store.objectFailures = []
        store.isRefusing = false
        let report = try reconciler.pass(snapshot(3, changed: .some([])), observe: true)
        #expect(report.drift == 0)
        #expect(reconciler.failures.isEmpty)
        #expect(store.state == reconciler.planner.plan)
    }

    @Test("After a failure the next pass observes, and nothing planned is lost")
    func failure() throws {
        var reconciler = reconciler()
        _ = try reconciler.pass(snapshot(2), observe: false)
        store.failures = 1
        #expect(throws: DataplaneError.self) {
            try reconciler.pass(snapshot(5, changed: web), observe: false)
        }
        let report = try reconciler.pass(snapshot(5, changed: .some([])), observe: false)
        #expect(report.apply.operations == 1)
        #expect(store.observations == 2)
        #expect(store.state == reconciler.planner.plan)
    }

    @Test(
        "Changed Services are returned once, after a successful pass, with those of failed passes before it"
    )
    func changes() throws {
        var reconciler = reconciler()
        let name = ServiceName(namespace: "default", name: "web")
        store.failures = 1
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
