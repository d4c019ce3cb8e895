import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import HealthChecking
import KubernetesAPI
import KubernetesClient
import Logging
import Planning
import Reconciling
import ServiceModel
import Telemetry
import Testing

/// What the daemon decides, event by event.
@Suite("Daemon's state")
struct DaemonStateTests {
    private typealias Harness = DaemonHarness

    private static func started(_ configuration: DaemonConfiguration = Harness.files()) -> Harness {
        var harness = Harness(configuration)
        _ = harness.begin()
        harness.send(.arrived(.files(Harness.update(0..<20))))
        return harness
    }

    @Test("A change runs at once after a resync that was given up, which is tried again")
    func resyncGivenUp() {
        var harness = Self.started()
        harness.givesUpResyncs = true
        harness.advance(300)
        #expect(harness.send(.wake).passes.map(\.kind) == [.resync])
        let change = harness.send(.arrived(.files(Harness.update(0..<21, revision: 2))))
        #expect(change.passes.map(\.kind) == [.incremental])
        harness.givesUpResyncs = false
        harness.advance(1)
        #expect(harness.send(.wake).passes.map(\.kind) == [.resync])
        harness.advance(299)
        #expect(harness.send(.wake).passes.isEmpty)
    }

    // MARK: - Start

    @Test("Ready at once with what is waited for; the first pass when every source has reported")
    func start() throws {
        var harness = Harness(Harness.both())
        let begun = harness.begin()
        let waiting = "waiting for an API server and /services.d"
        #expect(begun.messages == [.ready(status: waiting)])
        #expect(begun.lines.map(\.message) == ["Started"])
        let files = harness.send(.arrived(.files(Harness.update(0..<3))))
        #expect(files.passes.isEmpty)
        #expect(files.messages == [.status("waiting for an API server")])
        let cluster = KubernetesUpdate(update: Harness.update(3..<5), node: Harness.node())
        let first = harness.send(.arrived(.cluster(cluster)))
        #expect(first.passes.count == 1)
        #expect(first.passes[0].kind == .full)
        #expect(first.passes[0].update.snapshot.services.count == 5)
        #expect(first.passes[0].update.changed == .all)
        #expect(
            first.messages == [
                .status("first pass, over 5 Services"), .status("3 Services, last pass 0 ms"),
            ]
        )
        // What is known before the pass is observed before it.
        let order = first.compactMap { effect -> String? in
            switch effect {
            case .observe(let turn): turn.arrivals.isEmpty ? "after" : "arrival"
            case .pass: "pass"
            default: nil
            }
        }
        #expect(order == ["arrival", "pass", "after"])
        #expect(first.turns.last?.pass != nil)
        #expect(first.turns.last?.passed.services.count == 5)
    }

    @Test("While long lists arrive, the status line counts what has come of them")
    func received() {
        var configuration = Harness.both()
        configuration.sources.filePath = ""
        var harness = Harness(configuration)
        #expect(harness.begin().messages == [.ready(status: "waiting for an API server")])
        var services = ResourceState()
        services.received = 1500
        harness.look.cluster = Look.Cluster(
            state: KubernetesSourceState(
                resources: [.services: services, .endpointSlices: ResourceState()],
                isComplete: false
            )
        )
        harness.advance(1)
        let counted = "waiting for an API server, received: 1500 Services, 0 EndpointSlices"
        #expect(harness.send(.tick).messages.contains(.status(counted)))
    }

    @Test("A Node object that is missing is waited for, named, and no longer once it is there")
    func missingNode() {
        var configuration = Harness.both()
        configuration.sources.filePath = ""
        var harness = Harness(configuration)
        _ = harness.begin()
        let update = KubernetesUpdate(update: Harness.update(0..<3))
        let sent = harness.send(.arrived(.cluster(update)))
        #expect(sent.passes.isEmpty)
        #expect(
            sent.messages
                == [.status("waiting for a Node \"node-a\", which the cluster does not have")]
        )
        #expect(sent.turns.last?.missingNode?.contains("no Node \"node-a\"") == true)
        #expect(sent.turns.last?.eligibility == .unknown)
        harness.learningMatters = true
        let found = harness.send(
            .arrived(
                .cluster(KubernetesUpdate(update: Harness.update(0..<3), node: Harness.node()))
            )
        )
        #expect(found.passes.count == 1)
        #expect(found.turns.last?.missingNode == nil)
        #expect(found.turns.last?.eligibility == .eligible)
        #expect(
            found.lines.contains { $0.message.hasPrefix("Node object changed") }
        )
    }

    @Test("A Node that never gets an address is waited for half a minute")
    func gate() {
        var configuration = Harness.both()
        configuration.sources.filePath = ""
        var harness = Harness(configuration)
        _ = harness.begin()
        harness.send(.arrived(.cluster(KubernetesUpdate(update: Harness.update(0..<3)))))
        harness.advance(29)
        #expect(harness.send(.tick).passes.isEmpty)
        harness.advance(1)
        #expect(harness.send(.tick).passes.count == 1)
    }

    @Test("A long wait is logged once")
    func waitingLine() {
        var harness = Harness()
        _ = harness.begin()
        var lines: [String] = []
        for _ in 0..<10 {
            harness.advance(1)
            lines += harness.send(.tick).lines.compactMap { $0.metadata["missing"] }
        }
        #expect(lines == ["/services.d"])
    }

    @Test("Manifests that cannot be read at the start are a source's problem until they can")
    func missingManifests() {
        var harness = Harness()
        _ = harness.begin()
        let issue = ObjectIssue(source: "/services.d", reason: "No such file or directory")
        harness.look.files = Look.Files(lastLook: nil, problem: issue)
        let waiting = harness.send(.tick)
        #expect(waiting.turns.last?.sourceIssues == [issue])
        #expect(waiting.turns.last?.signs.map(\.name) == ["files"])
        harness.look.files = Look.Files(lastLook: harness.now)
        let read = harness.send(.arrived(.files(Harness.update(0..<1))))
        #expect(read.turns.last?.sourceIssues == [])
    }

    @Test("An earlier run's cluster serves until an API server answers")
    func memory() {
        var configuration = Harness.both()
        configuration.sources.filePath = ""
        var harness = Harness(configuration)
        _ = harness.begin()
        let recording = ClusterRecording(
            services: GuardedCluster.cluster(0..<4).services,
            slices: GuardedCluster.cluster(0..<4).slices,
            node: Harness.node()
        )
        let served = harness.send(.arrived(.memory(recording)))
        #expect(served.passes.map(\.update.snapshot.services.count) == [4])
        #expect(served.lines.contains { $0.message.hasPrefix("No API server answers") })
        harness.look.cluster = Look.Cluster(state: nil, memoryProblem: "read-only")
        let looked = harness.send(.tick)
        #expect(looked.turns.last?.cluster?.isFromMemory == true)
        #expect(looked.turns.last?.stateIssues == ["read-only"])
        let update = KubernetesUpdate(update: Harness.update(0..<5), node: Harness.node())
        let answered = harness.send(.arrived(.cluster(update)))
        #expect(answered.lines.contains { $0.message.hasPrefix("An API server answers") })
        let remembered = answered.contains {
            if case .remember(let recording, .all) = $0 {
                recording.services.count == 5
            } else {
                false
            }
        }
        #expect(remembered)
        // Too late to count.
        #expect(harness.send(.arrived(.memory(recording))).passes.isEmpty)
    }

    // MARK: - Passes

    @Test("Changes are one incremental pass, and what is not due yet has its wake")
    func changes() throws {
        var harness = Self.started()
        harness.advance(1)
        var snapshot = GuardedCluster.cluster(0..<20)
        snapshot.services[GuardedCluster.name(3)]?.sessionAffinity = .clientIP(timeoutSeconds: 9)
        let change = SnapshotUpdate(
            snapshot: snapshot,
            changed: .some(GuardedCluster.names([3]))
        )
        let pass = harness.send(.arrived(.files(change)))
        #expect(pass.passes.map(\.kind) == [.incremental])
        #expect(pass.passes[0].update.changed == .some(GuardedCluster.names([3])))
        snapshot.services[GuardedCluster.name(3)]?.sessionAffinity = .none
        let early = harness.send(
            .arrived(
                .files(
                    SnapshotUpdate(snapshot: snapshot, changed: .some(GuardedCluster.names([3])))
                )
            )
        )
        #expect(early.passes.isEmpty)
        harness.now = try #require(early.wakes.last)
        #expect(harness.send(.wake).passes.count == 1)
    }

    @Test("A pass that fails is repeated as a full one, and the service manager knows why")
    func failure() throws {
        var harness = Self.started()
        harness.advance(1)
        harness.passError = DataplaneError(
            kind: .conflict,
            operation: "commit",
            subject: "nat",
            errno: 16
        )
        harness.look.hasDrifted = true
        let failed = harness.send(.tick)
        #expect(failed.passes.map(\.kind) == [.full])
        guard case .status(let status) = failed.messages.last else {
            Issue.record("no status: \(failed.messages)")
            return
        }
        #expect(status.hasPrefix("failing: IPv4: "))
        harness.now = try #require(failed.wakes.last)
        let again = harness.send(.wake)
        #expect(again.passes.map(\.kind) == [.full])
        #expect(again.messages == [.status("3 Services, last pass 0 ms")])
    }

    @Test(
        "A pass that waited for a lock in vain is repeated soon, and what comes next is not held back"
    )
    func lockHeld() throws {
        var harness = Self.started()
        harness.advance(1)
        harness.passError = DataplaneError(
            kind: .locked,
            operation: "flock",
            subject: "/run/xtables.lock",
            errno: 11
        )
        harness.passDuration = .seconds(10)
        harness.look.hasDrifted = true
        let failed = harness.send(.tick)
        let again = try #require(failed.wakes.last)
        #expect(again - harness.now <= .seconds(1))
        harness.now = again
        #expect(harness.send(.wake).passes.map(\.kind) == [.full])
        let more = harness.send(.arrived(.files(Harness.update(0..<21, revision: 9))))
        #expect(try #require(more.wakes.last) - harness.now <= .seconds(1))
    }

    @Test(
        "A pass that a lock kept back is repeated as soon as the lock is free, however long the pause"
    )
    func lockFree() throws {
        var configuration = Harness.files()
        configuration.reconcile.retryInterval = .seconds(3600)
        configuration.reconcile.maxRetryInterval = .seconds(3600)
        var harness = Self.started(configuration)
        harness.advance(1)
        harness.passError = DataplaneError(
            kind: .locked,
            operation: "flock",
            subject: "/run/xtables.lock",
            errno: 11
        )
        harness.look.hasDrifted = true
        #expect(harness.send(.tick).passes.count == 1)
        harness.advance(1)
        #expect(harness.send(.noticed).passes.isEmpty)
        harness.advance(0.2)
        harness.look.isUnlocked = true
        #expect(harness.send(.noticed).passes.map(\.kind) == [.full])
    }

    @Test("Drift, errors of a look and other addresses each bring a full pass")
    func looks() {
        let error = DataplaneError(kind: .other, operation: "dump", subject: "x", errno: 5)
        func passes(_ change: (inout Look) -> Void) -> [DaemonEffect] {
            var harness = Self.started()
            harness.advance(1)
            change(&harness.look)
            return harness.send(.tick)
        }
        #expect(passes { _ in }.passes.isEmpty)
        #expect(passes { $0.hasDrifted = true }.passes.map(\.kind) == [.full])
        let due = passes { $0.dueWorkError = error }
        #expect(due.passes.map(\.kind) == [.full])
        #expect(
            due.lines.contains { $0.message.hasPrefix("Failed to remove drained real servers") }
        )
        let drift = passes { $0.driftError = error }
        #expect(drift.passes.map(\.kind) == [.full])
        #expect(drift.lines.contains { $0.message.hasPrefix("Failed to look for drift") })
        let moved = passes { $0.changedFacts = [.addresses] }
        #expect(moved.passes.map(\.update.changed) == [.all])
        #expect(moved.lines.map(\.message) == ["Node addresses changed"])
        let liberal = passes { $0.changedFacts = [.tcpLiberality] }
        #expect(liberal.passes.count == 1)
        #expect(
            liberal.lines.map(\.message) == ["net.netfilter.nf_conntrack_tcp_be_liberal changed"]
        )
        let renamed = passes { $0.otherName = "node-b" }
        #expect(renamed.passes.isEmpty)
        #expect(
            renamed.lines.map(\.message) == [
                "The host has another name, which counts from the next start on"
            ]
        )
        let flows = passes { $0.flowProblems = [.init(error)] }
        #expect(flows.passes.isEmpty)
        #expect(
            flows.lines.map(\.message) == ["Failed to delete stale conntrack entries, will retry"]
        )
        var absent = error
        absent.kind = .unsupported
        let impossible = passes { $0.flowProblems = [.init(absent)] }
        #expect(
            impossible.lines.map(\.message)
                == ["Cannot delete stale conntrack entries on this kernel"]
        )
    }

    @Test("What fails at each look is one line, one more when it is over, and ever fewer passes")
    func lastingFailure() {
        var harness = Self.started()
        let error = DataplaneError(kind: .other, operation: "look", subject: "x", errno: 24)
        func looks(_ count: Int, _ change: (inout Look) -> Void) -> [DaemonEffect] {
            (0..<count).flatMap { _ in
                harness.advance(1)
                change(&harness.look)
                return harness.send(.noticed)
            }
        }
        let failing = looks(60) {
            ($0.driftError, $0.dueWorkError, $0.addressesError) = (error, error, error)
            $0.flowProblems = [FlowCleaner.Problem(error)]
        }
        #expect(failing.lines.count == 4)
        // After 1, 2, 4, 8, 16 seconds and so on.
        #expect(failing.passes.count == 6)
        let over = looks(3) { _ in }
        #expect(
            over.lines.map(\.message) == [
                "Drained real servers can be removed again", "Drift can be looked for again",
                "The node's addresses can be read again",
            ]
        )
        #expect(over.passes.isEmpty)
        // Addresses alone are no reason to read rules.
        let unread = looks(1) { $0.addressesError = error }
        #expect(unread.passes.isEmpty && unread.lines.count == 1)
        let again = looks(1) { $0.driftError = error }
        #expect(again.passes.map(\.kind) == [.full])
    }

    @Test("The kernel is looked at in its interval, and the watchdog is fed by answers alone")
    func watchdog() {
        var configuration = Harness.files()
        configuration.reconcile.driftCheckInterval = .seconds(3)
        var harness = Self.started(configuration)
        var looks: [Bool] = []
        for _ in 0..<6 {
            harness.advance(1)
            let sent = harness.send(.tick)
            looks += sent.looks
            #expect(sent.messages == [.keepAlive])
            #expect(sent.turns.last?.isAlive == true)
        }
        #expect(looks == [true, false, false, true, false, false])
        // No answer: nothing is asked twice, and nothing is fed.
        harness.advance(1)
        let asked = harness.state.handle(.tick, at: harness.now)
        #expect(asked.looks.count == 1)
        for _ in 0..<5 {
            harness.advance(1)
            let silent = harness.state.handle(.tick, at: harness.now)
            #expect(silent.looks.isEmpty && silent.messages.isEmpty)
        }
        #expect(harness.state.handle(.looked(Look()), at: harness.now).messages == [.keepAlive])
    }

    @Test("A Service without a healthy endpoint is named, and its endpoints come back")
    func health() throws {
        var harness = Harness()
        _ = harness.begin()
        var snapshot = ServiceSnapshot()
        let name = GuardedCluster.name(0)
        var service = GuardedCluster.service(0)
        let port = try #require(PortNumber(80))
        service.ports = [ServicePort(port: port)]
        service.healthCheck = HealthCheck(probe: .tcp)
        var slice = GuardedCluster.slice(0)
        slice.ports = [EndpointPort(port: port)]
        (snapshot.services[name], snapshot.slices[name]) = (service, [slice])
        let first = harness.send(
            .arrived(.files(SnapshotUpdate(snapshot: snapshot, changed: .all)))
        )
        let targets = first.compactMap { effect -> TargetChanges? in
            if case .probe(let targets) = effect { targets } else { nil }
        }
        let target = try #require(targets.first?.added.first)
        harness.advance(1)
        let bad = harness.send(
            .probed([HealthChange(target: target, isHealthy: false, isFirst: false, reason: "x")])
        )
        #expect(bad.turns.first?.withoutHealthyEndpoint.map(\.service) == [name])
        #expect(bad.turns.flatMap(\.healthChanges).count == 1)
        harness.advance(1)
        let good = harness.send(
            .probed([HealthChange(target: target, isHealthy: true, isFirst: false, reason: nil)])
        )
        #expect(good.turns.last?.withoutHealthyEndpoint == [])
    }
}
