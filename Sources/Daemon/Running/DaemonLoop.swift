import DaemonConfiguration
import Dataplane
import DataplaneModel
import HealthChecking
import Observability
import Reconciling
import SystemCalls
import Telemetry

/// Carries out the decisions of the daemon's state, one event after the other.
struct DaemonLoop {
    let mailbox: Mailbox
    let dataplane: Dataplane
    let feeds: SourceFeeds
    let checker: HealthChecker
    let prober: NetworkProber
    let serviceManager: ServiceManager
    let score: OutOfMemoryScore
    let load: @Sendable () throws -> LoadedConfiguration
    var state: DaemonState
    var observer: TurnObserver
    var timer: Task<Void, Never>?
    var ticker: Task<Void, Never>?
    var hasEnded = false

    /// Returns after a stop. No request for confirmation is left without an answer.
    mutating func run(_ start: DaemonEvent) async {
        await handle(start)
        while !hasEnded, let event = await mailbox.next() { await handle(event) }
        timer?.cancel()
        ticker?.cancel()
        mailbox.close()
    }

    private mutating func handle(_ event: DaemonEvent) async {
        var effects = state.handle(event, at: .now)
        while !effects.isEmpty {
            let effect = effects.removeFirst()
            let signs = effect.keepsDataplaneBusy ? signsOfWork() : nil
            defer { signs?.cancel() }
            if let reply = await perform(effect) { effects += state.handle(reply, at: .now) }
        }
    }

    /// The answer, if the effect has one.
    private mutating func perform(_ effect: DaemonEffect) async -> DaemonEvent? {
        switch effect {
        case .look(let forDrift): return .looked(await look(forDrift: forDrift))
        case .learn(let facts): return .learned(matters: await dataplane.learn(facts))
        case .load(let cause):
            if cause == .signal { await feeds.renewAccess() }
            return .loaded(await reload(), cause)
        case .reconfigure(let new): return .reconfigured(problems: await reconfigure(new))
        case .pass(let update, let kind, let explain):
            let report = await dataplane.pass(update, kind, explain: explain) { [mailbox] in
                mailbox.hasNews
            }
            return .passed(report)
        case .probe(let targets): await checker.update(targets)
        case .remember(let recording, let changed):
            await feeds.remember(recording, changed: changed)
        case .forgetMissing(let revision): feeds.forgetMissing(upTo: revision)
        case .rescan: feeds.rescan()
        case .answer(let id, let count): mailbox.answer(id, count)
        case .wake(let time): send(.wake, at: time, by: &timer)
        case .tick(let time): send(.tick, at: time, by: &ticker)
        case .notify(let message): serviceManager.send(message)
        case .observe(let turn): observer.observe(turn)
        case .end: hasEnded = true
        }
        return nil
    }

    /// While the loop waits for the dataplane: shows the service manager and readers of the health pages that it
    /// gets on, however long that takes. Nothing is shown of a call that is stuck.
    private func signsOfWork() -> Task<Void, Never> {
        let watchdog = serviceManager.watchdogInterval
        // Before the work begins.
        let before = WorkWatch(dataplane.progress, watchdog: watchdog, at: .now)
        return Task {
            [dataplane, serviceManager, health = observer.health, lock = observer.lock] in
            var watch = before
            let interval = WorkWatch.interval(watchdog: watchdog)
            while (try? await Task.sleep(for: interval)) != nil {
                if let wait = dataplane.lockWait { lock.waits(wait) }
                guard watch.getsOn(dataplane.progress, at: .now) else { continue }
                serviceManager.send(.keepAlive)
                health.works()
            }
        }
    }

    private func send(
        _ event: DaemonEvent,
        at time: ContinuousClock.Instant,
        by timer: inout Task<Void, Never>?
    ) {
        timer?.cancel()
        timer = Task { [mailbox] in
            // A cancelled timer has been replaced by another.
            guard (try? await Task.sleep(until: time, clock: .continuous)) != nil else { return }
            mailbox.send(event)
        }
    }

    private func look(forDrift: Bool) async -> Look {
        var look = Look()
        look.isForDrift = forDrift
        if forDrift {
            let found = await dataplane.look()
            (look.dueWorkError, look.driftError) = (found.dueWorkError, found.driftError)
            look.hasDrifted = found.hasDrifted
            look.changedFacts = found.changedFacts
            look.otherName = found.otherName
            look.addressesError = found.addressesError
            look.isUnlocked = found.isUnlocked
            look.socketUses = found.socketUses
            look.flowProblems = dataplane.flowCleaner.takeProblems()
        } else {
            await dataplane.answer()
        }
        look.flowRuns = dataplane.flowCleaner.takeRuns()
        look.endedSockets = dataplane.flowCleaner.takeEndedSockets()
        (look.files, look.cluster) = await feeds.look()
        return look
    }

    /// Reading files may block.
    private func reload() async -> LoadOutcome {
        do {
            return try await onOwnThread { [load] in LoadOutcome(load) }
        } catch {
            return .refused("\(error)")
        }
    }

    /// Returns host settings that could not be applied.
    private func reconfigure(_ new: DaemonConfiguration) async -> [String] {
        var problems = await dataplane.reconfigure(new)
        await checker.limit(to: new.healthChecks.maxConcurrent)
        prober.reconfigure(caFile: new.healthChecks.caFile)
        problems += [score.apply(new.oomScoreAdjustment)].compactMap(\.self)
        return problems
    }
}

extension DaemonEffect {
    /// Its answer comes from the dataplane's thread, which may have much to do for it.
    fileprivate var keepsDataplaneBusy: Bool {
        switch self {
        case .learn, .reconfigure, .pass: true
        // A look is short, and the only thing that is done at rest.
        case .look, .load, .probe, .remember, .forgetMissing, .rescan, .answer, .wake, .tick,
            .notify,
            .observe, .end:
            false
        }
    }
}
