import Addressing
package import DaemonConfiguration
import Dataplane
import FoundationEssentials
import HTTPServing
import KubernetesClient
package import Logging
package import Reconciling
import ServiceModel
package import Telemetry

/// Keeps log, health, metrics, status and the cluster's Events up to date with the turns of the loop.
/// Makes no decision for the daemon.
package struct TurnObserver: Sendable {
    private let view: DaemonView
    private let logger: Logger
    private let configureLog: @Sendable (DaemonConfiguration.Log) -> Void
    /// Told by the loop while it waits.
    package let lock: LockReport
    private var configuration: DaemonConfiguration
    private var latencies = ProgrammingLatencies()
    /// When the oldest update of each source arrived that no pass has applied yet.
    private var waiting: [String: Moment] = [:]
    private var changeTimes = ChangeTimes()
    private var problems = ProblemLog()
    private var failures = PassFailureLog()
    private var sourceIssues: [ObjectIssue] = []
    private var withoutHealthyEndpoint: [ServicePortName] = []
    private var clusterReport = ClusterReport()
    private var holdReport = HoldReport()
    /// Services were held when the last pass ended.
    private var wasHeld = false

    /// `configuration` has the chosen mode. `configureLog` is called when the log's settings change.
    package init(
        _ view: DaemonView,
        _ configuration: DaemonConfiguration,
        _ logger: Logger,
        _ configureLog: @escaping @Sendable (DaemonConfiguration.Log) -> Void
    ) {
        self.view = view
        self.configuration = configuration
        self.logger = logger
        self.configureLog = configureLog
        lock = LockReport(configuration.iptables.lockFile, logger)
        view.events?.record(.started(configuration.chosenMode))
    }

    /// The daemon's own, which the loop reports to while it waits.
    package var health: DaemonHealth { view.health }

    package mutating func observe(_ turn: Turn, at now: Moment = .now) {
        var listenersMayDiffer = reconfigure(turn.configuration)
        for line in turn.lines { logger.log(line) }
        for arrival in turn.arrivals { received(arrival, at: now) }
        latencies.add(turn.triggers)
        logger.report(turn.healthChanges)
        publish(turn)
        note(turn, at: now)
        let news = holdReport.update(turn.hold, after: turn.endings)
        for line in news.lines { logger.log(line) }
        for event in news.events { view.events?.record(event) }
        if let report = turn.pass {
            let isHeld = turn.hold != nil
            // A held Service leaves its health check port to others until the hold is over.
            if isHeld || wasHeld { listenersMayDiffer = true }
            wasHeld = isHeld
            if passed(report, turn.passed, at: now) { listenersMayDiffer = true }
        }
        reportProblems(turn)
        if turn.isAlive, view.listeners.lackFile { listenersMayDiffer = true }
        if listenersMayDiffer { view.updateListeners.yield() }
    }

    /// True if the configuration is another.
    private mutating func reconfigure(_ new: DaemonConfiguration) -> Bool {
        guard new != configuration else { return false }
        if new.log != configuration.log { configureLog(new.log) }
        configuration = new
        view.health.setDeadline(new.reconcile.silenceLimit)
        return true
    }

    /// A source brought something that is to be programmed.
    private mutating func received(_ arrival: Turn.Arrival, at now: Moment) {
        let at = now.advanced(by: arrival.at - now.instant)
        view.publish { $0.sources[arrival.source] = at }
        view.metrics.received(arrival.update, over: arrival.previous)
        view.metrics.queued(view.snapshot.families, at: at)
        if arrival.isDue { view.health.queued(at: at) }
        waiting[arrival.source] = waiting[arrival.source] ?? at
        if logger.logLevel <= .debug { changeTimes.add(arrival) }
    }

    private func publish(_ turn: Turn) {
        view.publish { snapshot in
            snapshot.configuration = turn.configuration
            snapshot.configurationIssues = turn.configurationIssues
            snapshot.stateIssues = turn.stateIssues
            snapshot.sourceIssues = turn.sourceIssues
            snapshot.hold = turn.hold
            snapshot.cluster = turn.cluster.map { cluster in
                ClusterStatus(
                    state: cluster.look.state,
                    problem: cluster.look.problem ?? turn.missingNode,
                    isFromMemory: cluster.isFromMemory
                )
            }
            snapshot.healthChecks.services = turn.services
            snapshot.healthChecks.withoutHealthyEndpoint = turn.withoutHealthyEndpoint
        }
    }

    private func note(_ turn: Turn, at now: Moment) {
        view.metrics.fairlead.held.set(Double(turn.hold?.services ?? 0))
        view.health.setEligibility(turn.eligibility)
        for sign in turn.signs {
            view.health.heard(
                sign.name,
                staleAfter: sign.staleAfter,
                problem: sign.problem,
                at: now.advanced(by: sign.heard - now.instant),
                asked: now
            )
        }
        for run in turn.flowRuns {
            view.metrics.observeConntrack(deleted: run.deleted, run.duration, run.family)
        }
        for (family, count) in turn.endedSockets {
            view.metrics.fairlead.sockets.ended.add(Double(count), family.rawValue)
        }
        if !turn.socketUses.isEmpty {
            view.publish { $0.found(turn.socketUses) }
            view.metrics.fairlead.sockets.show(turn.socketUses)
        }
        // The last, as readers wait for it.
        if turn.isAlive { view.health.beat(at: now) }
    }

    /// A pass has ended, which brought the kernel to what `services` asks for, or failed. True if the
    /// Services may want other listeners than before.
    private mutating func passed(
        _ report: PassReport,
        _ services: ServiceSnapshot,
        at now: Moment
    ) -> Bool {
        let before = view.snapshot
        view.publish { $0.passed(report, services, at: now) }
        view.metrics.passed(report, at: now)
        let began = now.advanced(by: report.began - now.instant)
        for outcome in report.families {
            if outcome.report == nil {
                view.health.failed(
                    outcome.family,
                    began: began,
                    problem: outcome.error?.advice
                )
            } else {
                view.health.updated(outcome.family, began: began, at: now)
            }
        }
        observeLatencies(report, at: now)
        lock.ended(report)
        for line in failures.lines(report, at: now.instant) + report.lines { logger.log(line) }
        if let line = changeTimes.take(report, at: now.instant) { logger.log(line) }
        if let events = view.events {
            for event in clusterReport.update(report, services) { events.record(event) }
        }
        return before.lastPass?.settings != report.settings
            || before.lastPass?.families.map(\.healthChecks) != report.families.map(\.healthChecks)
    }

    private mutating func observeLatencies(_ report: PassReport, at now: Moment) {
        latencies.keep(report.families.map(\.family))
        // A family that failed is programmed later.
        for outcome in report.families where outcome.report != nil {
            for seconds in latencies.take(outcome.family, at: Date(timeIntervalSince1970: now.wall))
            {
                view.metrics.observeNetworkProgramming(seconds, outcome.family)
            }
        }
        guard report.succeeded else { return }
        for (source, since) in waiting where since.instant <= report.began {
            view.metrics.fairlead.sourceLag.observe(now.seconds(since: since), source)
            waiting[source] = nil
        }
    }

    private mutating func reportProblems(_ turn: Turn) {
        var lines = problems.update(.cluster, [turn.missingNode].compactMap(\.self))
        lines += problems.update(.state, turn.stateIssues)
        // Most turns change nothing about these, and there may be many.
        if turn.sourceIssues != sourceIssues {
            sourceIssues = turn.sourceIssues
            lines += problems.update(.manifest, sourceIssues.map(\.description))
        }
        if turn.withoutHealthyEndpoint != withoutHealthyEndpoint {
            withoutHealthyEndpoint = turn.withoutHealthyEndpoint
            lines += problems.update(
                .health,
                withoutHealthyEndpoint.map { "\($0): no endpoint is healthy" }
            )
        }
        if let report = turn.pass {
            lines += problems.update(.object, report.failures.map(\.description))
            lines += problems.update(.sockets, report.socketProblems)
            lines += problems.update(.leftover, report.leftovers.map(\.description))
            lines += problems.update(.service, report.issues.map(\.description))
        }
        for line in lines { logger.log(line) }
    }
}

extension Logger {
    func log(_ line: LogLine) {
        log(
            level: line.level,
            "\(line.message)",
            metadata: line.metadata.mapValues { .string($0) }
        )
    }
}
