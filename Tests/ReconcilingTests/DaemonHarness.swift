import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import KubernetesAPI
import KubernetesClient
import Planning
import Reconciling
import ServiceModel
import Telemetry

/// A daemon's state with a scripted dataplane: carries out effects and records them.
struct DaemonHarness {
    static let start = ContinuousClock.now

    var state: DaemonState
    var now = start
    private(set) var effects: [DaemonEffect] = []
    /// What a look finds.
    var look = Look()
    /// What reading the configuration brings.
    var load: LoadOutcome
    /// Whether what the cluster knows of the node changes the plan.
    var learningMatters = false
    /// Why the next pass fails.
    var passError: DataplaneError?
    /// Resyncs are given up.
    var givesUpResyncs = false
    /// How long passes take, with all that they wait for.
    var passDuration = Duration.zero

    init(_ configuration: DaemonConfiguration = files(), watchdog: Duration? = nil) {
        let loaded = LoadedConfiguration(configuration)
        load = .loaded(loaded)
        state = DaemonState(
            loaded,
            mode: .nftables,
            families: [.ipv4, .ipv6],
            nodeName: "node-a",
            watchdog: watchdog,
            start: Self.start
        )
    }

    /// Manifests alone.
    static func files() -> DaemonConfiguration {
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        configuration.sources.filePath = "/services.d"
        return configuration
    }

    /// Manifests and an API server.
    static func both() -> DaemonConfiguration {
        var configuration = files()
        configuration.sources.kubernetes = DaemonConfiguration.Sources.Kubernetes()
        return configuration
    }

    /// Handles an event, answers the effects that are to be answered, and returns all effects.
    @discardableResult
    mutating func send(_ event: DaemonEvent) -> [DaemonEffect] {
        var waiting = state.handle(event, at: now)
        var done: [DaemonEffect] = []
        while !waiting.isEmpty {
            let effect = waiting.removeFirst()
            done.append(effect)
            if let reply = reply(to: effect) { waiting += state.handle(reply, at: now) }
        }
        effects += done
        return done
    }

    mutating func reply(to effect: DaemonEffect) -> DaemonEvent? {
        switch effect {
        case .look:
            defer { look = Look() }
            return .looked(look)
        case .learn: return .learned(matters: learningMatters)
        case .load(let cause): return .loaded(load, cause)
        case .reconfigure: return .reconfigured(problems: ["no nf_conntrack_max"])
        case .pass(_, let kind, _): return .passed(report(kind))
        default: return nil
        }
    }

    private mutating func report(_ kind: PassKind) -> PassReport {
        var report = PassReport(kind: kind)
        report.duration = passDuration
        var outcome = PassReport.FamilyOutcome(family: .ipv4)
        outcome.error = passError
        passError = nil
        outcome.counts.services = 3
        if outcome.error == nil {
            var family = FamilyPassReport()
            family.isGivenUp = kind == .resync && givesUpResyncs
            outcome.report = family
        }
        report.families = [outcome]
        return report
    }

    mutating func begin() -> [DaemonEffect] {
        send(.started(version: "1", modeReason: nil, problems: []))
    }

    mutating func advance(_ seconds: Double) { now = now.advanced(by: .seconds(seconds)) }

    static func update(_ indexes: some Sequence<Int>, revision: UInt64 = 1) -> SnapshotUpdate {
        var snapshot = GuardedCluster.cluster(indexes)
        snapshot.revision = revision
        return SnapshotUpdate(snapshot: snapshot, changed: .all)
    }

    static func node(_ address: UInt32 = 0x0a00_0009) -> NodeObject {
        NodeObject(name: "node-a", internalIPs: [IPAddress(ipv4: address)])
    }
}

extension [DaemonEffect] {
    var passes: [(update: SnapshotUpdate, kind: PassKind)] {
        compactMap { if case .pass(let update, let kind, _) = $0 { (update, kind) } else { nil } }
    }
    var turns: [Turn] { compactMap { if case .observe(let turn) = $0 { turn } else { nil } } }
    var lines: [LogLine] { turns.flatMap(\.lines) }
    var messages: [ServiceManager.Message] {
        compactMap { if case .notify(let message) = $0 { message } else { nil } }
    }
    var answers: [(id: ConfirmID, count: Int?)] {
        compactMap { if case .answer(let id, let count) = $0 { (id, count) } else { nil } }
    }
    var wakes: [ContinuousClock.Instant] {
        compactMap { if case .wake(let at) = $0 { at } else { nil } }
    }
    var ticks: [ContinuousClock.Instant] {
        compactMap { if case .tick(let at) = $0 { at } else { nil } }
    }
    var looks: [Bool] { compactMap { if case .look(let forDrift) = $0 { forDrift } else { nil } } }
    var hasEnd: Bool { contains { if case .end = $0 { true } else { false } } }
}
