import DaemonConfiguration
import Dataplane
import DataplaneModel
import KubernetesClient
import Planning
import Reconciling
import ServiceModel
import Telemetry
import TestSupport
import Testing

/// Events in any order, with answers at any time.
@Suite("Daemon's state and model")
struct DaemonStateModelTests {
    /// Checks each effect as it comes.
    private struct Model {
        var random: SplitMix64
        var harness: DaemonHarness
        /// Effects that no answer has come to yet.
        var asked: [DaemonEffect] = []
        var files = ServiceSnapshot()
        var cluster = ServiceSnapshot()
        var hasFiles = false
        var hasCluster = false
        /// As the last pass that was begun was given.
        var programmed = ServiceSnapshot()
        var passes = 0
        var confirms = 0
        var answers: [ConfirmID: Int] = [:]
        var looks = 0
        var keepAlives = 0
        var loads = 0
        /// Reloads that were announced, and that ended.
        var reloading = 0
        var ready = 0
        var observed = Turn(DaemonConfiguration())
        var ends = 0
        /// What the last reload that was not refused brought.
        var configuration = DaemonHarness.both()

        init(_ seed: UInt64) {
            random = SplitMix64(seed: seed)
            var configuration = DaemonHarness.both()
            // The removal guard has a model of its own.
            configuration.removals.percent = 100
            self.configuration = configuration
            harness = DaemonHarness(configuration)
        }

        mutating func send(_ event: DaemonEvent) {
            for effect in harness.state.handle(event, at: harness.now) { check(effect) }
        }

        private mutating func check(_ effect: DaemonEffect) {
            #expect(ends == 0 || effect.isAnswer, "after the end")
            switch effect {
            case .pass(let update, let kind, _):
                #expect(asked.isEmpty, "a pass among open questions")
                #expect(hasFiles && hasCluster, "a pass before every source has reported")
                #expect(passes > 0 || kind == .full)
                let names = update.changed.names(programmed, update.snapshot)
                for name in Set(programmed.services.keys).union(update.snapshot.services.keys)
                where programmed.services[name] != update.snapshot.services[name] {
                    #expect(names.contains(name), "\(name) changed without notice")
                }
                programmed = update.snapshot
                passes += 1
            case .answer(let id, _): answers[id, default: 0] += 1
            case .notify(.keepAlive): keepAlives += 1
            case .notify(.reloading): reloading += 1
            case .notify(.ready): ready += 1
            case .observe(let turn):
                #expect(asked.isEmpty, "observed among open questions")
                observed = turn
                #expect(turn.configuration == configuration)
            case .end:
                #expect(asked.isEmpty)
                ends += 1
            default: break
            }
            if effect.isAnswered { asked.append(effect) }
        }

        /// Answers one of the open questions, any of them.
        mutating func answer() {
            guard !asked.isEmpty else { return }
            let effect = asked.remove(at: Int.random(in: asked.indices, using: &random))
            if case .look = effect {
                harness.look.hasDrifted = Int.random(in: 0..<4, using: &random) == 0
                harness.look.changedFacts =
                    Int.random(in: 0..<9, using: &random) == 0 ? [.addresses] : []
                harness.look.isUnlocked = Int.random(in: 0..<9, using: &random) == 0
                looks += 1
            }
            if case .pass = effect, Int.random(in: 0..<4, using: &random) == 0 {
                harness.passError = DataplaneError(
                    kind: .locked,
                    operation: "commit",
                    subject: "nat",
                    errno: 16
                )
            }
            if case .load = effect { prepareLoad() }
            harness.learningMatters = Bool.random(using: &random)
            guard let reply = harness.reply(to: effect) else { return }
            send(reply)
        }

        private mutating func prepareLoad() {
            loads += 1
            guard Bool.random(using: &random) else {
                harness.load = .refused("broken")
                return
            }
            var new = configuration
            new.masquerade.all = Bool.random(using: &random)
            new.reconcile.minInterval = .milliseconds(Int.random(in: 1...50, using: &random))
            harness.load = .loaded(LoadedConfiguration(new))
            // Not read again if the file holds what was read last; that is the same configuration.
            configuration = new
        }

        mutating func step() {
            harness.advance(Double.random(in: 0...1.5, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1:
                let update = change(files, .files)
                files = update.snapshot
                send(.arrived(.files(update)))
            case 2, 3:
                let update = change(cluster, .cluster)
                cluster = update.snapshot
                send(
                    .arrived(.cluster(KubernetesUpdate(update: update, node: DaemonHarness.node())))
                )
            case 4: send(.tick)
            case 5: send(.wake)
            case 6 where Int.random(in: 0..<4, using: &random) == 0:
                send(.reload(Bool.random(using: &random) ? .signal : .fileChanged))
            case 6:
                confirms += 1
                send(.confirm(ConfirmID(UInt64(confirms))))
            default: answer()
            }
        }

        private mutating func change(
            _ snapshot: ServiceSnapshot,
            _ origin: ServiceOrigin
        ) -> SnapshotUpdate {
            var snapshot = snapshot
            let isFirst = origin == .files ? !hasFiles : !hasCluster
            if origin == .files { hasFiles = true } else { hasCluster = true }
            let base = origin == .files ? 0 : 100
            let index = base + Int.random(in: 0..<6, using: &random)
            let name = GuardedCluster.name(index)
            let address = Int.random(in: 0..<200, using: &random)
            let isGone = Int.random(in: 0..<3, using: &random) == 0
            snapshot.services[name] =
                isGone ? nil : GuardedCluster.service(index, address: address)
            snapshot.slices[name] = isGone ? nil : [GuardedCluster.slice(index)]
            snapshot.revision += 1
            return SnapshotUpdate(snapshot: snapshot, changed: isFirst ? .all : .some([name]))
        }

        /// Lets everything come to rest.
        mutating func settle() {
            for _ in 0..<20 {
                while !asked.isEmpty { answer() }
                harness.advance(60)
                send(.wake)
            }
            while !asked.isEmpty { answer() }
        }
    }

    @Test(
        "No change is lost, no pass comes too early, and each request is answered once",
        arguments: 1...150
    )
    func walk(_ seed: UInt64) {
        var model = Model(seed)
        model.send(.started(version: "1", modeReason: nil, problems: []))
        #expect(model.ready == 1)
        for _ in 0..<400 { model.step() }
        model.settle()
        if model.hasFiles, model.hasCluster {
            #expect(model.passes > 0)
            var expected: Set<ServiceName> = []
            for name in model.files.services.keys { expected.insert(name) }
            for name in model.cluster.services.keys { expected.insert(name) }
            #expect(Set(model.programmed.services.keys) == expected)
            for (name, service) in model.programmed.services {
                let wanted = model.cluster.services[name] ?? model.files.services[name]
                #expect(service.clusterIPs == wanted?.clusterIPs)
            }
        }
        #expect(model.keepAlives == model.looks)
        #expect(model.ready == model.reloading + 1)
        #expect(model.reloading <= model.loads)
        // The stop comes at any moment, with anything still open.
        for _ in 0..<Int.random(in: 0..<20, using: &model.random) { model.step() }
        model.send(.stop(signal: 15))
        for _ in 0..<10 {
            model.confirms += 1
            model.send(.confirm(ConfirmID(UInt64(model.confirms))))
            model.answer()
        }
        while !model.asked.isEmpty { model.answer() }
        #expect(model.ends == 1)
        #expect(model.answers.count == model.confirms)
        #expect(model.answers.values.allSatisfy { $0 == 1 })
    }
}

extension DaemonEffect {
    fileprivate var isAnswer: Bool { if case .answer = self { true } else { false } }
}
