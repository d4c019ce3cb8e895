import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Foundation
import HealthChecking
import InstalledModes
import KubernetesClient
import Logging
import Planning
import Reconciling
import ServiceModel
import ServiceSources
import Telemetry

/// Reconciles for ever: waits for what sources, signals and timers bring, and runs passes.
///
/// Nothing is applied before the source has reported once. On stop the rules stay.
struct Daemon {
    enum Event: Sendable {
        case arrival(ServiceInputs.Arrival)
        case health([HealthChange])
        case tick
        case wake
        /// What is held back is meant; answers how many Services that were, nil if the daemon
        /// stops.
        case confirm(CheckedContinuation<Int?, Never>)
        case reload(Reload)
        case stop(signal: Int32)
    }

    private let load: @Sendable () throws -> LoadedConfiguration
    private let watch: ConfigurationWatch?
    private(set) var configuration: DaemonConfiguration
    let logger: Logger
    private let logSettings: LogSettings
    private var manager: ServiceManagerReport
    private let watchdogInterval: Duration?
    private var lastLoad: LoadOutcome
    private var lastReload = Reload.asked
    private var lastReloadAt = ContinuousClock.now
    /// When to look again for what others changed.
    private var nextLook = ContinuousClock.now
    private let registry = MetricRegistry()
    private let featureGates: [String: Bool]
    private var inputs: ServiceInputs
    private var gate: StartGate
    private let dataplane: Dataplane
    private var telemetry: DaemonTelemetry?
    private var scheduler: PassScheduler
    private var pending = PendingUpdate()
    private var health = HealthFilter()
    /// How many families are served, known from the start on.
    private var servedFamilies = 0
    private var waitingNotice = WaitingNotice()
    private var known: Set<String> = []
    private let started = ContinuousClock.now
    private var clusterReport = ClusterReport()
    private var holdReport = HoldReport()
    let outOfMemoryScore = OutOfMemoryScore()

    /// `load` reads the configuration, at a reload again; `watch` says when there is a new one.
    init(
        _ watch: ConfigurationWatch?,
        _ load: @escaping @Sendable () throws -> LoadedConfiguration
    ) throws {
        self.load = load
        self.watch = watch
        let loaded = try load()
        configuration = loaded.configuration
        featureGates = loaded.featureGates
        let environment = ProcessInfo.processInfo.environment
        let logSettings = LogSettings(Self.logSettings(configuration.log, environment))
        self.logSettings = logSettings
        logger = Logger(label: "fairlead") { _ in DaemonLogHandler(logSettings) }
        let serviceManager = ServiceManager(environment: environment)
        manager = ServiceManagerReport(serviceManager)
        watchdogInterval = serviceManager.watchdogInterval
        lastLoad = .loaded(loaded)
        let restClient = RestClientMetrics(registry)
        inputs = ServiceInputs(
            configuration,
            nodeName: configuration.nodeName,
            logger: logger,
            observe: { restClient.observe($0) }
        )
        gate = StartGate(configuration)
        dataplane = Dataplane(configuration)
        scheduler = Self.scheduler(configuration, families: IPFamily.allCases.count)
        report(loaded.warnings, as: "Configuration")
    }

    /// Returns when a signal asks for it.
    mutating func run() async throws {
        let start = try await dataplane.start()
        servedFamilies = start.families.count
        scheduler = Self.scheduler(configuration, families: servedFamilies)
        if let reason = start.reason {
            logger.notice(
                "Mode chosen",
                metadata: ["mode": "\(start.mode.rawValue)", "reason": "\(reason)"]
            )
        }
        logger.notice(
            "Started",
            metadata: [
                "version": "\(Version.text)", "mode": "\(start.mode.rawValue)",
                "families": "\(start.families.map(\.rawValue).joined(separator: ","))",
                "source": "\(configuration.sources.filePath)",
            ]
        )
        for problem in await dataplane.kernelProblems() {
            logger.warning("Host problem found", metadata: ["problem": "\(problem)"])
        }
        inputs.events?.record(.started(start.mode))
        var chosen = configuration
        chosen.mode = start.mode
        let telemetry = DaemonTelemetry(
            chosen,
            families: start.families,
            events: inputs.events,
            registry: registry
        )
        self.telemetry = telemetry
        telemetry.metrics.setFeatureGates(featureGates)
        try await telemetry.listen()
        let serving = Task { [logger] in await telemetry.keepListening(logger) }
        defer { serving.cancel() }
        if configuration.oomScoreAdjustment != nil { setOutOfMemoryScore() }
        let prober = try await NetworkProber(configuration)
        let checker = HealthChecker(
            prober: prober,
            maxConcurrent: configuration.healthChecks.maxConcurrent
        )
        telemetry.setChecker(checker)
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        telemetry.onConfirm { await EventAnswers.confirm(continuation) }
        let signals = Self.signals { continuation.yield($0) }
        defer { signals.forEach { $0.cancel() } }
        let feeds = inputs.follow { continuation.yield(.arrival($0)) }
        defer { feeds.forEach { $0.cancel() } }
        let verdicts = Task { [changes = checker.changes] in
            for await batch in changes { continuation.yield(.health(batch)) }
        }
        defer { verdicts.cancel() }
        let ticks = Task { [interval = tickInterval] in
            while !Task.isCancelled {
                try await Task.sleep(for: interval)
                continuation.yield(.tick)
            }
        }
        defer { ticks.cancel() }
        let reloads = Task { [watch] in
            guard let watch else { return }
            for await _ in watch.changes() { continuation.yield(.reload(.fileChanged)) }
        }
        defer { reloads.cancel() }
        manager.runs(waitingFor: waitingReason)
        await follow(events, checker, prober) { continuation.yield(.wake) }
        await EventAnswers.close(events, continuation)
        await telemetry.stop()
    }

    private mutating func follow(
        _ events: AsyncStream<Event>,
        _ checker: HealthChecker,
        _ prober: NetworkProber,
        wake: @escaping @Sendable () -> Void
    ) async {
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        for await event in events {
            switch event {
            case .arrival(let arrival): await take(arrival, checker)
            case .health(let changes): take(changes)
            case .tick:
                await tick()
                if let update = inputs.releaseExpired() { await go(by: update, checker) }
            case .wake: break
            case .confirm(let answer):
                let held = inputs.hold?.services ?? 0
                if let update = inputs.confirmRemovals() { await go(by: update, checker) }
                answer.resume(returning: held)
            case .reload(let cause):
                await reload(cause, checker)
                await checker.limit(to: configuration.healthChecks.maxConcurrent)
                prober.reconfigure(caFile: configuration.healthChecks.caFile)
            case .stop(let signal):
                logger.notice("Stopping; the rules stay", metadata: ["signal": "\(signal)"])
                manager.stopping()
                await inputs.close()
                return
            }
            guard mayBegin() else {
                manager.waits(for: waitingReason)
                continue
            }
            if let kind = scheduler.due(at: .now) { await pass(kind) }
            timer?.cancel()
            timer = Task { [at = scheduler.nextWake] in
                // Cancelled means that a later timer takes over.
                guard (try? await Task.sleep(until: at, clock: .continuous)) != nil else { return }
                wake()
            }
        }
    }

    private mutating func take(_ arrival: ServiceInputs.Arrival, _ checker: HealthChecker) async {
        let wasFromMemory = inputs.isFromMemory
        let taken = await inputs.take(arrival)
        if inputs.isFromMemory != wasFromMemory { reportMemory() }
        if let facts = inputs.facts, await dataplane.learn(facts) {
            logger.notice("Node object changed")
            pending.invalidate()
            scheduler.request(at: .now, full: true)
        }
        telemetry?.health.setEligibility(inputs.eligibility)
        report(inputs.lacksNode ? [missingNode] : [], as: "Cluster")
        guard let update = taken else { return }
        telemetry?.received(
            update,
            from: arrival.source,
            over: pending.snapshot,
            isDue: mayBegin()
        )
        await go(by: update, checker)
    }

    /// Plans what the sources came to.
    private mutating func go(by update: SnapshotUpdate, _ checker: HealthChecker) async {
        telemetry?.held(inputs.hold)
        let news = holdReport.taking(inputs.hold, after: inputs.takeEndings())
        for line in news.lines {
            logger.log(level: line.level, "\(line.message)", metadata: line.metadata)
        }
        for event in news.events { inputs.events?.record(event) }
        let filtered = health.take(update)
        await checker.update(filtered.targets)
        pending.merge(filtered.update)
        report(update.snapshot.issues.map(\.description), as: "Manifest problem")
        reportPanics()
        scheduler.request(at: .now)
    }

    private mutating func take(_ changes: [HealthChange]) {
        logger.report(changes)
        if let update = health.apply(changes) {
            pending.merge(update)
            scheduler.request(at: .now)
        }
        reportPanics()
    }

    /// Whether all sources have reported, and what else the API server has to say is known or was
    /// waited for long enough.
    private mutating func mayBegin() -> Bool {
        guard inputs.missing.isEmpty else { return false }
        return gate.opens(knowing: inputs.knownFacts, at: .now)
    }

    private var missingNode: String { KubernetesSource.missingNode(configuration.nodeName) }

    private func reportMemory() {
        if inputs.isFromMemory {
            logger.warning("No API server answers; serving what the cluster held in an earlier run")
        } else {
            logger.notice("An API server answers; what the cluster held earlier no longer counts")
        }
    }

    // MARK: - Passes

    private mutating func pass(_ kind: PassKind) async {
        let report = await dataplane.pass(
            pending.take(),
            kind,
            explain: logger.logLevel <= .debug
        )
        scheduler.completed(
            kind,
            at: .now,
            duration: report.duration,
            outcome: report.outcome
        )
        telemetry?.passed(report, pending.snapshot)
        observeLatencies(report)
        log(report)
        self.report(report.failures.map(\.description), as: "Object not changed")
        self.report(
            report.leftovers.map(\.description),
            as: "Objects of another mode remain, removal is retried"
        )
        clusterReport.passed(report, pending.snapshot, to: inputs.events)
        self.report(report.issues.map(\.description), as: "Service problem")
        guard report.succeeded else {
            manager.passed("failing: \(report.errors[0])")
            return
        }
        var status =
            "\(report.services) Services, last pass \(Self.milliseconds(report.duration)) ms"
        if !report.failures.isEmpty { status += ", not all changed: \(report.failures[0])" }
        manager.passed(status)
    }

    private mutating func observeLatencies(_ report: PassReport) {
        inputs.latencies.keep(report.families.map(\.family))
        // A family that failed is programmed later.
        for outcome in report.families where outcome.report != nil {
            for seconds in inputs.latencies.take(outcome.family, at: .now) {
                telemetry?.metrics.observeNetworkProgramming(seconds, outcome.family)
            }
        }
    }

    private func log(_ report: PassReport) {
        for error in report.errors {
            var metadata: Logger.Metadata = ["error": "\(error)"]
            if let cure = error.error.cure { metadata["cure"] = "\(cure)" }
            logger.error("Pass failed, will retry", metadata: metadata)
        }
        if report.retired > 0 {
            logger.notice(
                "Removed what another mode left",
                metadata: ["objects": "\(report.retired)"]
            )
        }
        if report.drift > 0 {
            logger.warning(
                "Repaired objects changed by another program",
                metadata: [
                    "objects": "\(report.drift)", "services": "\(report.driftedServicesText)",
                ]
            )
        }
        for line in report.operationLines {
            logger.debug("Operation", metadata: ["operation": "\(line)"])
        }
        let metadata: Logger.Metadata = [
            "kind": "\(report.kind)",
            "services": "\(report.services)", "changed": "\(report.changedServices)",
            "operations": "\(report.operations)", "conflicts": "\(report.conflicts)",
            "ms": "\(Self.milliseconds(report.duration))",
        ]
        let level: Logger.Level = report.operations > 0 ? .info : .debug
        logger.log(level: level, "Pass done", metadata: metadata)
    }

    /// Logs problems that are new, and forgets those that are gone.
    private mutating func report(_ problems: [String], as kind: String) {
        let present = Set(problems.map { "\(kind)\u{0}\($0)" })
        for problem in problems where !known.contains("\(kind)\u{0}\(problem)") {
            logger.warning("\(kind)", metadata: ["problem": "\(problem)"])
        }
        known = known.filter { !$0.hasPrefix("\(kind)\u{0}") }.union(present)
    }

    private mutating func reportPanics() {
        telemetry?.filtered(health)
        report(
            health.withoutHealthyEndpoint.map { "\($0): no endpoint is healthy" },
            as: "Health problem"
        )
    }

    // MARK: - Signs of change

    /// Runs on the dataplane thread's answer, so that a hung thread starves the watchdog.
    private mutating func tick() async {
        if ContinuousClock.now >= nextLook {
            nextLook = .now + configuration.reconcile.driftCheckInterval
            await look()
        } else {
            await dataplane.answer()
        }
        manager.keepAlive()
        telemetry?.health.beat()
        for run in dataplane.conntrackCleaner.takeRuns() {
            telemetry?.metrics.observeConntrack(deleted: run.deleted, run.duration, run.family)
        }
        await listenToSources()
        if let reason = waitingNotice.report(waitingReason, at: .now) {
            logger.warning(
                "Nothing is programmed before all sources have reported",
                metadata: ["missing": "\(reason)"]
            )
        }
    }

    /// Looks for what others changed, and does what time has brought.
    private mutating func look() async {
        do {
            try await dataplane.attend()
        } catch {
            logger.error("Failed to remove drained real servers", metadata: ["error": "\(error)"])
            scheduler.request(at: .now, full: true)
        }
        do {
            if try await dataplane.hasDrifted() { scheduler.request(at: .now, full: true) }
        } catch {
            logger.error("Cannot look for changes", metadata: ["error": "\(error)"])
            scheduler.request(at: .now, full: true)
        }
        for problem in dataplane.conntrackCleaner.takeProblems() {
            logger.warning(
                "Failed to delete stale conntrack entries",
                metadata: ["reason": "\(problem)"]
            )
        }
        if await dataplane.addressesChanged() {
            logger.notice("The node's addresses changed")
            pending.invalidate()
            scheduler.request(at: .now, full: true)
        }
    }

    /// Manifests on the same host have no reason to be unreadable for longer.
    private static let filesStaleAfter = Duration.seconds(10)

    /// Tells status how following the cluster goes, and health when there was last a sign that what
    /// is known is what each source has.
    private func listenToSources() async {
        guard let telemetry else { return }
        if let looked = inputs.filesLastLook {
            telemetry.health.heard(
                "files",
                staleAfter: Self.filesStaleAfter,
                at: Moment.now.advanced(by: (looked ?? started) - .now)
            )
        }
        guard let cluster = inputs.cluster else { return }
        let now = await cluster.state()
        telemetry.setCluster(
            ClusterStatus(
                now.state,
                problem: now.problem ?? (inputs.lacksNode ? missingNode : nil),
                isFromMemory: inputs.isFromMemory
            )
        )
        let limit = configuration.sources.kubernetes?.staleAfter ?? .zero
        let heard = now.state?.lastSign ?? started
        telemetry.health.heard(
            "cluster",
            staleAfter: limit == .zero ? nil : limit,
            problem: now.state?.circling,
            at: Moment.now.advanced(by: heard - .now)
        )
    }

    /// What the first pass waits for; nil if nothing.
    private var waitingReason: String? {
        let missing = inputs.missing.map { origin in
            switch origin {
            case .files: configuration.sources.filePath
            case .cluster: "an API server"
            }
        }
        guard missing.isEmpty else { return missing.joined(separator: " and ") }
        // Once the first pass has begun, a Node that is missing holds up nothing any more.
        return gate.reason(knowing: inputs.knownFacts).map { reason in
            guard inputs.lacksNode else { return reason }
            return "a Node \"\(configuration.nodeName)\", which the cluster does not have"
        }
    }

    /// A change of the file and a reload this close together are one.
    private static let sameReload = Duration.seconds(5)

    private mutating func reload(_ cause: Reload, _ checker: HealthChecker) async {
        let outcome = LoadOutcome(load)
        // A change that somebody reloads by hand is seen by the watch too, a moment before or after.
        let isKnown =
            outcome == lastLoad && [cause, lastReload].contains(.fileChanged)
            && .now - lastReloadAt < Self.sameReload
        if isKnown, cause == .fileChanged {
            logger.debug("The configuration file holds what was read last")
            return
        }
        (lastLoad, lastReload, lastReloadAt) = (outcome, cause, .now)
        manager.reloading()
        switch outcome {
        case .loaded(let loaded):
            await take(loaded, checker)
            logger.log(level: isKnown ? .debug : .notice, "Configuration reloaded")
            manager.reloaded(refusal: nil)
        case .refused(let reason):
            logger.log(
                level: isKnown ? .debug : .error,
                "Configuration not reloaded; the old one holds",
                metadata: ["error": "\(reason)"]
            )
            manager.reloaded(refusal: reason)
        }
    }

    private mutating func take(_ loaded: LoadedConfiguration, _ checker: HealthChecker) async {
        report(loaded.warnings, as: "Configuration")
        let old = configuration
        for field in configuration.reload(loaded.configuration) {
            logger.warning("Change requires a restart", metadata: ["field": "\(field)"])
        }
        let new = configuration
        telemetry?.reconfigured(new)
        logSettings.set(Self.logSettings(new.log, ProcessInfo.processInfo.environment))
        scheduler = Self.scheduler(new, families: servedFamilies)
        for problem in await dataplane.reconfigure(new) {
            logger.warning("Host problem found", metadata: ["problem": "\(problem)"])
        }
        if new.oomScoreAdjustment != old.oomScoreAdjustment { setOutOfMemoryScore() }
        if let update = inputs.reconfigure(new.removals) { await go(by: update, checker) }
        telemetry?.held(inputs.hold)
        pending.invalidate()
        inputs.rescan()
        scheduler.request(at: .now, full: true)
    }

    // MARK: - Parts

    /// Health judges signs of life by the second, however seldom the kernel is looked at.
    private var tickInterval: Duration {
        let often = min(configuration.reconcile.driftCheckInterval, .seconds(1))
        guard let watchdog = watchdogInterval else { return often }
        return min(often, watchdog / 3)
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000
            + duration.components.attoseconds / 1_000_000_000_000_000
    }
}
