import Addressing
import ServiceModel
import TestSupport
import Testing

@testable import HealthChecking

@Suite("When probes begin")
struct ProbeScheduleTests {
    private static let start = ContinuousClock.now

    private func targets(_ count: UInt32, interval: Duration = .seconds(5)) -> [HealthTarget] {
        (1...count).compactMap { number in
            PortNumber(80).map {
                HealthTarget(
                    socket: SocketAddress(IPAddress(ipv4: number), $0),
                    probe: .tcp,
                    timing: HealthCheck.Timing(interval: interval)
                )
            }
        }
    }

    private func schedule(_ maxConcurrent: Int, _ targets: [HealthTarget]) -> ProbeSchedule {
        var schedule = ProbeSchedule(maxConcurrent: maxConcurrent, random: SplitMix64(seed: 7))
        for target in targets { schedule.add(target, at: Self.start) }
        return schedule
    }

    @Test("First probes spread over a second, later ones keep to nine tenths of the interval")
    func spread() throws {
        let targets = targets(200)
        var schedule = schedule(1000, targets)
        var begun: [HealthTarget: [ContinuousClock.Instant]] = [:]
        var now = Self.start
        while let next = schedule.nextStart(), next < Self.start + .seconds(60) {
            #expect(next >= now)
            now = next
            for target in schedule.start(at: now) {
                begun[target, default: []].append(now)
                schedule.finished(target)
            }
        }
        #expect(begun.count == targets.count)
        let first = begun.values.compactMap(\.first).map { $0 - Self.start }
        #expect(first.allSatisfy { $0 < .seconds(1) })
        #expect(first.count { $0 < .milliseconds(500) } > 60)
        #expect(first.count { $0 > .milliseconds(500) } > 60)
        for times in begun.values {
            for (one, next) in zip(times, times.dropFirst()) {
                #expect((.seconds(4.5) ... .seconds(5)).contains(next - one))
            }
        }
    }

    @Test("No more than the limit run at once, and the longest overdue goes first")
    func limit() {
        let targets = targets(10)
        var schedule = schedule(3, targets)
        let late = Self.start + .seconds(10)
        let first = schedule.start(at: late)
        #expect(first.count == 3)
        #expect(schedule.start(at: late).isEmpty)
        #expect(schedule.nextStart() == nil)
        #expect(schedule.lag(at: late) > .seconds(9))
        schedule.finished(first[0])
        let second = schedule.start(at: late)
        // It has only just been probed; all the others come before it.
        #expect(second.count == 1 && !first.contains(second[0]))
        #expect(schedule.running == 3)
    }

    @Test("A removed target is not probed again, not even if it comes back while it was waiting")
    func removal() {
        let targets = targets(2)
        var schedule = schedule(10, targets)
        schedule.remove(targets[0])
        let late = Self.start + .seconds(10)
        #expect(schedule.start(at: late) == [targets[1]])
        schedule.remove(targets[1])
        schedule.finished(targets[1])
        #expect(schedule.running == 0)
        #expect(schedule.nextStart() == nil)
        schedule.add(targets[0], at: late)
        schedule.remove(targets[0])
        schedule.add(targets[0], at: late)
        #expect(schedule.start(at: late + .seconds(2)) == [targets[0]])
        #expect(schedule.nextStart() == nil)
    }
}
