import KubernetesAPI

/// Decides which events are told, and when. Pure: it knows no clock and sends nothing.
///
/// The same event again within ten minutes is the same object with a count, told at most every five
/// minutes. An object has ten events at once, then one a minute. Of more than a hundred that wait
/// the oldest is dropped.
struct EventQueue: Sendable {
    /// The same event again and again.
    struct Series: Sendable, Hashable {
        var event: ClusterEvent
        /// Tells it from all others that this recorder made.
        var number: Int64
        var first: APITime
        var last: APITime
        var count = 1
        /// How many the server knows of, and since when; 0 before the object is made.
        var told = 0
        var toldAt = Duration.zero
        var seenAt: Duration
    }

    enum Step: Sendable, Hashable {
        /// To be answered with `sent`, `lost` or `abandon`, or `pause`.
        case send(Series)
        case wait(Duration)
        case idle
    }

    static let window = Duration.seconds(600)
    static let repeatInterval = Duration.seconds(300)
    static let burst = 10
    static let rate = 1.0 / 60
    static let limit = 100
    /// How often to look for what is over.
    private static let sweepInterval = Duration.seconds(1)

    private var series: [ClusterEvent: Series] = [:]
    /// The oldest first; each is in `series`.
    private var waiting: [ClusterEvent] = []
    private var buckets: [ClusterEvent.Object: TokenBucket] = [:]
    private var pausedUntil = Duration.zero
    private var lastNumber: Int64 = 0
    private var lastSweep = Duration.zero
    /// Events that had to make room for others.
    private(set) var dropped = 0

    mutating func add(_ event: ClusterEvent, at wall: APITime, _ now: Duration) {
        sweep(now)
        if var known = series[event] {
            known.count += 1
            known.last = wall
            known.seenAt = now
            series[event] = known
            if !waiting.contains(event) { enqueue(event) }
            return
        }
        lastNumber = max(lastNumber + 1, wall.seconds &* 1_000_000_000 &+ Int64(wall.nanoseconds))
        series[event] = Series(
            event: event,
            number: lastNumber,
            first: wall,
            last: wall,
            seenAt: now
        )
        enqueue(event)
    }

    func next(at now: Duration) -> Step {
        var shortest: Duration?
        for event in waiting {
            guard let series = series[event] else { continue }
            let delay = delay(of: series, at: now)
            if delay <= .zero { return .send(series) }
            shortest = min(shortest ?? delay, delay)
        }
        return shortest.map { .wait($0) } ?? .idle
    }

    /// The server knows of it as it was then.
    mutating func sent(_ told: Series, at now: Duration) {
        buckets[told.event.regarding, default: Self.bucket].take(at: now)
        waiting.removeAll { $0 == told.event }
        guard var current = series[told.event] else { return }
        current.told = told.count
        current.toldAt = now
        series[told.event] = current
        if current.count > told.count { enqueue(told.event) }
    }

    /// The server does not have the object any more: it is to be made again.
    mutating func lost(_ event: ClusterEvent) {
        series[event]?.told = 0
    }

    /// It can't be told; others may.
    mutating func abandon(_ event: ClusterEvent) {
        waiting.removeAll { $0 == event }
        // Repeats are not tried either, as long as it is remembered.
        series[event]?.told = .max
    }

    /// Nothing is to be sent before then.
    mutating func pause(until time: Duration) {
        pausedUntil = time
    }

    // MARK: - Parts

    private static var bucket: TokenBucket { TokenBucket(rate: rate, burst: burst) }

    private func delay(of series: Series, at now: Duration) -> Duration {
        let byRate = buckets[series.event.regarding]?.delay(at: now) ?? .zero
        let byRepeat = series.told > 0 ? series.toldAt + Self.repeatInterval - now : .zero
        return max(byRate, byRepeat, pausedUntil - now)
    }

    private mutating func enqueue(_ event: ClusterEvent) {
        guard series[event]?.told != .max else { return }
        waiting.append(event)
        guard waiting.count > Self.limit else { return }
        let oldest = waiting.removeFirst()
        if series[oldest]?.told == 0 { series[oldest] = nil }
        dropped += 1
    }

    /// Forgets what has not been seen for long. So there are never more series than fit in the queue
    /// and the rate lets through in that time.
    private mutating func sweep(_ now: Duration) {
        guard now - lastSweep >= Self.sweepInterval else { return }
        lastSweep = now
        let kept = Set(waiting)
        series = series.filter { now - $0.value.seenAt < Self.window || kept.contains($0.key) }
        buckets = buckets.filter { !$0.value.isFull(at: now) }
    }
}
