import Addressing
import ServiceModel
import Synchronization
import Testing

@testable import HealthChecking

/// Returns the configured result, at once or never.
private final class ScriptedProber: Prober {
    struct State {
        var results: [HealthTarget: ProbeResult] = [:]
        var hangs = false
        var probes: [HealthTarget: Int] = [:]
        var running = 0
        var mostRunning = 0
        var cancelled = 0
    }

    let state = Mutex(State())

    func set(_ result: ProbeResult, for target: HealthTarget) {
        state.withLock { $0.results[target] = result }
    }

    func probe(_ target: HealthTarget) async -> ProbeResult {
        let (result, hangs) = state.withLock { state in
            state.probes[target, default: 0] += 1
            state.running += 1
            state.mostRunning = max(state.mostRunning, state.running)
            return (state.results[target] ?? .passed, state.hangs)
        }
        do {
            try await Task.sleep(for: hangs ? .seconds(3600) : .milliseconds(5))
        } catch {
            state.withLock { $0.cancelled += 1 }
        }
        state.withLock { $0.running -= 1 }
        return result
    }
}

@Suite("HealthChecker", .timeLimit(.minutes(10)))
struct HealthCheckerTests {
    private func targets(_ count: UInt32) -> [HealthTarget] {
        (1...count).compactMap { number in
            PortNumber(80).map {
                HealthTarget(
                    socket: SocketAddress(IPAddress(ipv4: number), $0),
                    probe: .tcp,
                    timing: HealthCheck.Timing(interval: .milliseconds(100), rise: 2, fall: 3)
                )
            }
        }
    }

    private func added(_ targets: [HealthTarget]) -> TargetChanges {
        var changes = TargetChanges()
        changes.added = Set(targets)
        return changes
    }

    @Test("Verdicts come as batches, after the results they need")
    func verdicts() async throws {
        let prober = ScriptedProber()
        let checker = HealthChecker(prober: prober, maxConcurrent: 8)
        let targets = targets(3)
        prober.set(.failed(reason: "no"), for: targets[0])
        prober.set(.impossible(reason: "no descriptors"), for: targets[1])
        await checker.update(added(targets))
        var batches = checker.changes.makeAsyncIterator()
        var seen: [HealthTarget: HealthChange] = [:]
        while seen.count < 2, let batch = await batches.next() {
            for change in batch { seen[change.target] = change }
        }
        #expect(
            seen[targets[0]]
                == HealthChange(
                    target: targets[0],
                    isHealthy: false,
                    isFirst: true,
                    reason: "no"
                )
        )
        #expect(
            seen[targets[2]] == HealthChange(target: targets[2], isHealthy: true, isFirst: true)
        )
        let found = await checker.statuses(of: targets)
        let statuses = targets.compactMap { found[$0] }
        #expect(statuses.map(\.verdict) == [.unhealthy, .unknown, .healthy])
        #expect(statuses.map(\.lastError) == ["no", "no descriptors", nil])
        #expect(statuses[0].counters.failures >= 3)
        #expect(statuses[0].counters.transitions == 1)
        #expect(statuses[1].counters.impossible >= 1)
        #expect(statuses[1].counters.failures == 0)
        let summary = await checker.summary()
        #expect(summary.targets == [.unhealthy: 1, .unknown: 1, .healthy: 1])
        #expect(summary.totals.transitions == 2)
        prober.set(.passed, for: targets[0])
        let back = await batches.next()
        #expect(back == [HealthChange(target: targets[0], isHealthy: true)])
    }

    @Test("Many that fail together come together")
    func coalescing() async throws {
        let prober = ScriptedProber()
        let checker = HealthChecker(prober: prober, maxConcurrent: 500)
        let targets = targets(500)
        for target in targets { prober.set(.failed(reason: "no"), for: target) }
        await checker.update(added(targets))
        var count = 0
        var batches = 0
        for await batch in checker.changes {
            count += batch.count
            batches += 1
            if count == targets.count { break }
        }
        // They fail within two intervals or so, and a batch takes 50 ms at least.
        #expect(batches < 50)
    }

    @Test("No more probes than the limit run at once")
    func limit() async throws {
        let prober = ScriptedProber()
        let checker = HealthChecker(prober: prober, maxConcurrent: 3)
        await checker.update(added(targets(40)))
        var healthy = 0
        for await batch in checker.changes {
            healthy += batch.count
            if healthy == 40 { break }
        }
        #expect(prober.state.withLock { $0.mostRunning } == 3)
    }

    @Test("A removed target's probe is cancelled, and its place is free")
    func removal() async throws {
        let prober = ScriptedProber()
        prober.state.withLock { $0.hangs = true }
        let checker = HealthChecker(prober: prober, maxConcurrent: 1)
        let targets = targets(2)
        await checker.update(added(targets))
        while prober.state.withLock({ $0.running }) == 0 {
            try await Task.sleep(for: .milliseconds(5))
        }
        let first = try #require(prober.state.withLock { $0.probes.keys.first })
        var changes = TargetChanges()
        changes.removed = [first]
        await checker.update(changes)
        while prober.state.withLock({ $0.probes.count < 2 || $0.cancelled == 0 }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        let left = await checker.statuses(of: targets)
        #expect(Set(left.keys) == Set(targets.filter { $0 != first }))
    }
}
