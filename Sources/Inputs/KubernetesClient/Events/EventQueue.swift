import KubernetesAPI

/// Decides which events are sent, and when. Pure: it has no clock and sends nothing.
///
/// Repeats of an event within ten minutes are counted in the same object, updated at most every
/// five minutes. An object has a burst of ten events, then one a minute. If more than a hundred are
/// waiting, the oldest is dropped.
struct EventQueue: Sendable {
    /// An event and its repeats.
    struct Series: Sendable, Hashable {
        var event: ClusterEvent
        /// Distinguishes it from all other events of this recorder.
        var number: Int64
        var first: APITime
        var last: APITime
        var count = 1
        /// The count last sent to the server, and when; 0 before the object is created.
        var sentCount = 0
        var sentAt = Duration.zero
        var seenAt: Duration
    }

    enum Step: Sendable, Hashable {
        /// The caller responds with `sent`, `lost`, `abandon` or `pause`.
        case send(Series)
        case wait(Duration)
        case idle
    }

    static let window = Duration.seconds(600)
    static let repeatInterval = Duration.seconds(300)
    static let burst = 10
    static let rate = 1.0 / 60
    static let limit = 100
    /// How often to look for expired series.
    private static let sweepInterval = Duration.seconds(1)

    private var series: [ClusterEvent: Series] = [:]
    /// The oldest first; each is in `series`.
    private var waiting: [ClusterEvent] = []
    private var buckets: [ClusterEvent.Object: TokenBucket] = [:]
    private var pausedUntil = Duration.zero
    private var lastNumber: Int64 = 0
    private var lastSweep = Duration.zero
    /// Events dropped for newer ones.
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

    /// The server has stored this state of the series.
    mutating func sent(_ state: Series, at now: Duration) {
        buckets[state.event.regarding, default: Self.bucket].take(at: now)
        waiting.removeAll { $0 == state.event }
        guard var current = series[state.event] else { return }
        current.sentCount = state.count
        current.sentAt = now
        series[state.event] = current
        if current.count > state.count { enqueue(state.event) }
    }

    /// The server no longer has the object, so it is created again.
    mutating func lost(_ event: ClusterEvent) {
        series[event]?.sentCount = 0
    }

    /// The event cannot be sent; others can.
    mutating func abandon(_ event: ClusterEvent) {
        waiting.removeAll { $0 == event }
        // Repeats are not sent either while the series is kept.
        series[event]?.sentCount = .max
    }

    /// Nothing is sent before `time`.
    mutating func pause(until time: Duration) {
        pausedUntil = time
    }

    // MARK: - Parts

    private static var bucket: TokenBucket { TokenBucket(rate: rate, burst: burst) }

    private func delay(of series: Series, at now: Duration) -> Duration {
        let byRate = buckets[series.event.regarding]?.delay(at: now) ?? .zero
        let byRepeat = series.sentCount > 0 ? series.sentAt + Self.repeatInterval - now : .zero
        return max(byRate, byRepeat, pausedUntil - now)
    }

    private mutating func enqueue(_ event: ClusterEvent) {
        guard series[event]?.sentCount != .max else { return }
        waiting.append(event)
        guard waiting.count > Self.limit else { return }
        let oldest = waiting.removeFirst()
        if series[oldest]?.sentCount == 0 { series[oldest] = nil }
        dropped += 1
    }

    /// Drops series not seen for long, so that there are never more than fit in the queue plus
    /// those the rate limit lets through in that time.
    private mutating func sweep(_ now: Duration) {
        guard now - lastSweep >= Self.sweepInterval else { return }
        lastSweep = now
        let kept = Set(waiting)
        series = series.filter { now - $0.value.seenAt < Self.window || kept.contains($0.key) }
        buckets = buckets.filter { !$0.value.isFull(at: now) }
    }
}
