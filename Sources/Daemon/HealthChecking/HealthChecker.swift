import Addressing
import ServiceModel

/// Probes targets continuously and reports changed verdicts.
package actor HealthChecker {
    /// Changes this close together become one batch, so that flapping endpoints cause a bounded
    /// number of passes.
    static let quietTime = Duration.milliseconds(50)

    /// Batches of changed verdicts, for one consumer, including each target's first pass.
    package nonisolated let changes: AsyncStream<[HealthChange]>

    private let continuation: AsyncStream<[HealthChange]>.Continuation
    private let prober: any Prober
    private var schedule: ProbeSchedule
    private var states: [HealthTarget: State] = [:]
    private var totals = HealthCounters()
    private var timer: Task<Void, Never>?
    private var timerIsFor: ContinuousClock.Instant?
    private var unsent: [HealthTarget: HealthChange] = [:]

    private struct State {
        var health: TargetHealth
        var status: HealthStatus
        var probe: Task<Void, Never>?
        /// Distinguishes a target's probes from those before it was removed and added again.
        var generation: UInt64
    }

    private var lastGeneration: UInt64 = 0

    package init(prober: any Prober, maxConcurrent: Int) {
        self.prober = prober
        schedule = ProbeSchedule(maxConcurrent: maxConcurrent)
        (changes, continuation) = AsyncStream.makeStream()
    }

    deinit {
        continuation.finish()
    }

    /// Adds and removes targets; cancels the running probes of removed ones.
    package func update(_ targets: TargetChanges) {
        let now = ContinuousClock.now
        for target in targets.removed {
            schedule.remove(target)
            unsent[target] = nil
            states.removeValue(forKey: target)?.probe?.cancel()
        }
        for target in targets.added where states[target] == nil {
            lastGeneration += 1
            states[target] = State(
                health: TargetHealth(since: now),
                status: HealthStatus(target, at: now),
                generation: lastGeneration
            )
            schedule.add(target, at: now)
        }
        startDue()
    }

    package func limit(to maxConcurrent: Int) {
        schedule.maxConcurrent = maxConcurrent
        startDue()
    }

    /// All targets in numbers.
    package func summary() -> HealthSummary {
        var summary = HealthSummary(
            totals: totals,
            running: schedule.running,
            lag: schedule.lag(at: .now)
        )
        for state in states.values { summary.targets[state.status.verdict, default: 0] += 1 }
        return summary
    }

    /// The state of the given targets, without those that are not probed.
    package func statuses(
        of targets: some Collection<HealthTarget> & Sendable
    ) -> [HealthTarget: HealthStatus] {
        var found: [HealthTarget: HealthStatus] = [:]
        for target in targets { found[target] = states[target]?.status }
        return found
    }

    // MARK: - Probing

    private func startDue() {
        let now = ContinuousClock.now
        for target in schedule.start(at: now) {
            guard let generation = states[target]?.generation else { continue }
            states[target]?.status.lastProbe = now
            states[target]?.probe = Task { [prober] in
                let result = await prober.probe(target)
                self.finished(target, generation, result)
            }
        }
        armTimer()
    }

    private func finished(_ target: HealthTarget, _ generation: UInt64, _ result: ProbeResult) {
        guard var state = states[target], state.generation == generation else { return }
        let now = ContinuousClock.now
        state.probe = nil
        state.status.take(result, at: now)
        totals.count(result)
        let isFirst = state.health.verdict == .unknown
        if let passed = result.passed, state.health.record(passed: passed, target.timing, at: now) {
            state.status.verdict = state.health.verdict
            state.status.since = now
            state.status.counters.transitions += 1
            totals.transitions += 1
            publish(
                HealthChange(
                    target: target,
                    isHealthy: passed,
                    isFirst: isFirst,
                    reason: state.status.lastError
                )
            )
        }
        states[target] = state
        schedule.finished(target)
        startDue()
    }

    private func armTimer() {
        let next = schedule.nextStart()
        guard next != timerIsFor else { return }
        timerIsFor = next
        timer?.cancel()
        timer = next.map { next in
            Task { [weak self] in
                // Cancelled: another timer takes over.
                guard (try? await Task.sleep(until: next, clock: .continuous)) != nil else {
                    return
                }
                await self?.timerFired(next)
            }
        }
    }

    private func timerFired(_ time: ContinuousClock.Instant) {
        guard timerIsFor == time else { return }
        timerIsFor = nil
        startDue()
    }

    // MARK: - Reporting

    private func publish(_ change: HealthChange) {
        let isFirst = unsent.isEmpty
        unsent[change.target] = change
        guard isFirst else { return }
        Task { [weak self] in
            try? await Task.sleep(for: Self.quietTime)
            await self?.send()
        }
    }

    private func send() {
        guard !unsent.isEmpty else { return }
        continuation.yield(unsent.values.sorted { $0.target.socket < $1.target.socket })
        unsent = [:]
    }
}

extension ProbeResult {
    /// Nil if the result says nothing about the endpoint.
    fileprivate var passed: Bool? {
        switch self {
        case .passed: true
        case .failed: false
        case .impossible: nil
        }
    }
}

extension HealthStatus {
    fileprivate mutating func take(_ result: ProbeResult, at now: ContinuousClock.Instant) {
        counters.count(result)
        lastDuration = lastProbe.map { now - $0 }
        switch result {
        case .passed: lastError = nil
        case .failed(let reason), .impossible(let reason): lastError = reason
        }
    }
}
