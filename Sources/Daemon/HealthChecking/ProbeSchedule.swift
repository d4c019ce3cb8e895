import HeapModule
import ServiceModel

/// When to probe which target, with a limit on concurrent probes. Pure except for the random
/// numbers.
///
/// A target's probes begin at most its interval apart, unless the limit delays them; then the
/// longest overdue goes first.
struct ProbeSchedule {
    /// The first probes of targets added together are spread over this time, or over their interval
    /// if that is shorter.
    static let firstSpread = Duration.seconds(1)
    /// Intervals are shortened by up to this fraction, so that probes do not synchronise.
    static let jitter = 0.1

    private struct Entry: Comparable {
        var due: ContinuousClock.Instant
        var serial: UInt64
        var target: HealthTarget

        static func < (left: Entry, right: Entry) -> Bool {
            (left.due, left.serial) < (right.due, right.serial)
        }

        static func == (left: Entry, right: Entry) -> Bool { left.serial == right.serial }
    }

    var maxConcurrent: Int
    private var waiting = Heap<Entry>()
    /// Each target's current entry. Other heap entries belong to removed targets.
    private var serials: [HealthTarget: UInt64] = [:]
    private var begun: [HealthTarget: ContinuousClock.Instant] = [:]
    private var lastSerial: UInt64 = 0
    private var random: any RandomNumberGenerator & Sendable

    init(
        maxConcurrent: Int,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.maxConcurrent = maxConcurrent
        self.random = random
    }

    var running: Int { begun.count }

    mutating func add(_ target: HealthTarget, at now: ContinuousClock.Instant) {
        guard serials[target] == nil, begun[target] == nil else { return }
        let spread = min(Self.firstSpread, target.timing.interval)
        wait(target, until: now + spread * Double.random(in: 0..<1, using: &random))
    }

    mutating func remove(_ target: HealthTarget) {
        serials[target] = nil
        begun[target] = nil
    }

    /// The targets to probe now; each runs until `finished` or `remove`.
    mutating func start(at now: ContinuousClock.Instant) -> [HealthTarget] {
        var started: [HealthTarget] = []
        while running < maxConcurrent, let target = popDue(now) {
            begun[target] = now
            started.append(target)
        }
        return started
    }

    /// A probe has ended: the next is due one interval after it began.
    mutating func finished(_ target: HealthTarget) {
        guard let start = begun.removeValue(forKey: target) else { return }
        let part = 1 - Double.random(in: 0...Self.jitter, using: &random)
        wait(target, until: start + target.timing.interval * part)
    }

    /// When to call `start` next; nil while it waits for a probe to end, or has no target.
    mutating func nextStart() -> ContinuousClock.Instant? {
        running < maxConcurrent ? nextDue() : nil
    }

    /// How long the longest overdue target has waited because of the limit.
    mutating func lag(at now: ContinuousClock.Instant) -> Duration {
        nextDue().map { max(.zero, now - $0) } ?? .zero
    }

    private mutating func wait(_ target: HealthTarget, until due: ContinuousClock.Instant) {
        lastSerial += 1
        serials[target] = lastSerial
        waiting.insert(Entry(due: due, serial: lastSerial, target: target))
    }

    private mutating func nextDue() -> ContinuousClock.Instant? {
        while let entry = waiting.min, serials[entry.target] != entry.serial {
            waiting.removeMin()
        }
        return waiting.min?.due
    }

    private mutating func popDue(_ now: ContinuousClock.Instant) -> HealthTarget? {
        guard let due = nextDue(), due <= now else { return nil }
        let entry = waiting.removeMin()
        serials[entry.target] = nil
        return entry.target
    }
}
