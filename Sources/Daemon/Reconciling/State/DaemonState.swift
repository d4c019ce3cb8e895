package import Addressing
package import DaemonConfiguration
import Dataplane
package import DataplaneModel
import HealthChecking
import KubernetesAPI
import KubernetesClient
import Logging
import Planning
import PrintableText
import ServiceModel
import Telemetry

/// Every decision of the daemon: when to start, run a pass, hold, confirm, reload, look for drift, report
/// that it is alive, and stop.
///
/// Pure: events and the time come in, effects go out. Some effects are answered by one event each; while
/// an answer is outstanding no pass begins and nothing is observed, so that answers may come in any
/// order among other events. No pass begins before every source has reported once. On stop the
/// rules stay.
package struct DaemonState: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// The chosen mode; a reload does not change it.
    let mode: ProxyMode
    /// The families that are served.
    let families: [IPFamily]
    /// The name of this node's Node object.
    let nodeName: String
    let start: Instant
    /// As in the file, except that fields which are only read at the start have their values of then.
    var requested: DaemonConfiguration
    /// The same with the chosen mode.
    var configuration: DaemonConfiguration
    var lastReload: LastReload
    /// The level of the line that reports the end of a reload.
    var reloadLevel = Logger.Level.notice
    /// Fields that are only read at the start and have changed in the file since.
    var restartFields: [String] = []
    var pipeline: SnapshotPipeline
    /// Nil where no API server is asked.
    var cluster: ClusterKnowledge?
    var learned: ClusterFacts?
    var gate: StartGate
    var scheduler: PassScheduler
    var manager = ServiceManagerReport()
    /// What an API server has sent of its first lists; nil where it has sent little.
    var received: String?
    var waitingNotice = WaitingNotice()
    /// When to look again for what other programs changed.
    var nextLook: Instant
    var pulse: Pulse
    private var tickAt: Instant?
    var isLooking = false
    var dueWorkProblem = LookProblem(.dueWork)
    var driftProblem = LookProblem(.drift)
    var addressesProblem = LookProblem(.addresses)
    /// The host's name if it has changed since the start.
    var otherName: String?
    /// Failures to delete conntrack entries that have been reported.
    var flowProblems: Set<String> = []
    /// The revision of the last update of the manifests.
    var filesRevision: UInt64 = 0
    var forgottenRevision: UInt64 = 0
    var filesProblem: ObjectIssue?
    /// The Services that the running pass was given.
    var passing = ServiceSnapshot()
    var turn: Turn
    private var outstanding = 0
    private var isStopping = false
    private var hasEnded = false
    private var wakeAt: Instant?
    private var effects: [DaemonEffect] = []
    /// For the service manager, sent after the log has the same news.
    private var messages: [ServiceManager.Message] = []

    package init(
        _ loaded: LoadedConfiguration,
        mode: ProxyMode,
        families: [IPFamily],
        nodeName: String,
        watchdog: Duration? = nil,
        start: Instant
    ) {
        (self.mode, self.families, self.nodeName, self.start) = (mode, families, nodeName, start)
        requested = loaded.configuration
        configuration = loaded.configuration
        configuration.mode = mode
        lastReload = LastReload(.loaded(loaded), at: start)
        let sources = configuration.sources
        pipeline = SnapshotPipeline(
            sources.origins,
            fileSource: sources.filePath,
            MassRemovalGuard.Settings(configuration.removals)
        )
        if sources.kubernetes != nil { cluster = ClusterKnowledge() }
        gate = StartGate(configuration)
        scheduler = PassScheduler(configuration, families: families.count, start: start)
        nextLook = start
        pulse = Pulse(watchdog: watchdog, start: start)
        turn = Turn(configuration)
    }

    /// Handles what happened at `now`; returns what to do, in order.
    package mutating func handle(_ event: DaemonEvent, at now: Instant) -> [DaemonEffect] {
        if event.isReply { outstanding -= 1 }
        if event.isNews { pulse.news(at: now) }
        switch event {
        case .confirm(let id) where isStopping: perform(.answer(id, nil))
        case _ where isStopping && !event.isReply: break
        case .started(let version, let reason, let problems): begin(version, reason, problems)
        case .arrived(let update): take(update, at: now)
        case .probed(let changes): take(changes, at: now)
        case .tick: tick(at: now)
        case .noticed: noticed(at: now)
        case .wake: wakeAt = nil
        case .confirm(let id): confirm(id, at: now)
        case .reload(let cause): perform(.load(cause))
        case .stop(let signal): stop(signal)
        case .looked(let look): take(look, at: now)
        case .learned(let matters): learned(matters, at: now)
        case .loaded(let outcome, let cause): take(outcome, cause, at: now)
        case .reconfigured(let problems): reconfigured(problems)
        case .passed(let report): passed(report, at: now)
        }
        if outstanding == 0 { decide(at: now) }
        setTick(at: now)
        defer { effects = [] }
        return effects
    }

    mutating func perform(_ effect: DaemonEffect) {
        if effect.isAnswered { outstanding += 1 }
        effects.append(effect)
    }

    mutating func notify(_ message: ServiceManager.Message?) {
        guard let message else { return }
        switch message {
        case .ready, .status: messages.append(message)
        case .reloading, .keepAlive, .stopping: perform(.notify(message))
        }
    }

    mutating func log(_ level: Logger.Level, _ message: String, _ metadata: [String: String] = [:])
    {
        turn.lines.append(LogLine(level, message, metadata))
    }

    /// The next tick, unless the answer to the last one is still to come.
    private mutating func setTick(at now: Instant) {
        guard !isLooking, !isStopping else { return }
        let isWaiting = pipeline.hold != nil || !mayBegin(at: now)
        let next = pulse.next(configuration.reconcile, isWaiting: isWaiting, at: now)
        guard tickAt.map({ $0 > next || $0 <= now }) ?? true else { return }
        tickAt = next
        perform(.tick(at: next))
    }

    // MARK: - Start and stop

    private mutating func begin(_ version: String, _ modeReason: String?, _ problems: [String]) {
        if let modeReason {
            log(.notice, "Mode chosen", ["mode": mode.rawValue, "reason": modeReason])
        }
        log(
            .notice,
            "Started",
            [
                "version": version, "mode": mode.rawValue,
                "families": families.map(\.rawValue).joined(separator: ","),
                "source": configuration.sources.filePath,
            ]
        )
        logHostProblems(problems)
        notify(manager.runs(waitingFor: waitingReason))
    }

    mutating func logHostProblems(_ problems: [String]) {
        for problem in problems { log(.warning, "Host problem found", ["problem": problem]) }
    }

    private mutating func stop(_ signal: Int32) {
        log(.notice, "Stopping; the rules stay", ["signal": "\(signal)"])
        notify(.stopping)
        isStopping = true
    }

    // MARK: - What is next

    /// After the last outstanding answer: begins a pass if one is due, else sets the next wake.
    private mutating func decide(at now: Instant) {
        if isStopping {
            guard !hasEnded else { return }
            hasEnded = true
            observe()
            perform(.end)
            return
        }
        guard mayBegin(at: now) else {
            notify(manager.waits(for: waitingReason, received: received))
            observe()
            return
        }
        guard let kind = scheduler.due(at: now) else {
            observe()
            let wake = scheduler.nextWake
            if wakeAt != wake { perform(.wake(at: wake)) }
            wakeAt = wake
            return
        }
        // Status and log show during the pass what was known before it.
        notify(manager.begins(with: pipeline.unfiltered.services.count))
        observe()
        let update = pipeline.takePending()
        passing = update.snapshot
        perform(.pass(update, kind, explain: configuration.log.level == .debug))
    }

    private mutating func observe() {
        turn.configuration = configuration
        turn.hold = pipeline.hold
        turn.endings = pipeline.takeEndings()
        turn.services = pipeline.unfiltered
        turn.withoutHealthyEndpoint = pipeline.withoutHealthyEndpoint
        if let cluster { turn.eligibility = cluster.eligibility }
        turn.missingNode =
            cluster?.lacksNode == true ? ClusterKnowledge.missingNode(nodeName) : nil
        perform(.observe(turn))
        turn = turn.quiet
        for message in messages { perform(.notify(message)) }
        messages = []
    }

    /// Whether all sources have reported, and what else is needed from the API server is known or has been
    /// waited for long enough.
    mutating func mayBegin(at now: Instant) -> Bool {
        guard pipeline.missing.isEmpty else { return false }
        return gate.opens(knowing: cluster?.known ?? [], at: now)
    }

    /// What the first pass waits for; nil if it waits for nothing.
    var waitingReason: String? {
        let missing = pipeline.missing.map { origin in
            switch origin {
            case .files: configuration.sources.filePath
            case .cluster: "an API server"
            }
        }
        guard missing.isEmpty else { return missing.joined(separator: " and ") }
        // After the first pass has begun, a missing Node no longer delays anything.
        return gate.reason(knowing: cluster?.known ?? []).map { reason in
            guard cluster?.lacksNode == true else { return reason }
            return "a Node \(quoted(nodeName)), which the cluster does not have"
        }
    }
}

extension DaemonEvent {
    /// It answers an effect.
    package var isReply: Bool {
        switch self {
        case .looked, .learned, .loaded, .reconfigured, .passed: true
        case .started, .arrived, .probed, .tick, .noticed, .wake, .confirm, .reload, .stop: false
        }
    }

    /// More may follow soon; so it is not with what comes at rest, too.
    fileprivate var isNews: Bool {
        switch self {
        case .tick, .wake, .looked: false
        default: true
        }
    }
}

extension DaemonEffect {
    /// An event answers it.
    package var isAnswered: Bool {
        switch self {
        case .look, .learn, .load, .reconfigure, .pass: true
        case .probe, .remember, .forgetMissing, .rescan, .answer, .wake, .tick, .notify, .observe,
            .end:
            false
        }
    }
}
