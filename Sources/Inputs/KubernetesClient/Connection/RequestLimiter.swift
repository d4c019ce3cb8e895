/// A token bucket: a rate in requests per second, and a burst.
struct TokenBucket: Sendable {
    private let interval: Duration
    private let burst: Int
    /// When the bucket is full again without further use; in the past if it is full.
    private var fullAt = Duration.zero

    /// `rate` is in requests per second, above 0; `burst` at least 1.
    init(rate: Double, burst: Int) {
        interval = .seconds(1) / max(rate, 0.001)
        self.burst = max(1, burst)
    }

    /// How long to wait for the next token.
    func delay(at now: Duration) -> Duration {
        max(.zero, max(fullAt, now) + interval - now - interval * burst)
    }

    func isFull(at now: Duration) -> Bool { fullAt <= now }

    /// Takes a token; returns how long to wait before using it.
    @discardableResult
    mutating func take(at now: Duration) -> Duration {
        defer { fullAt = max(fullAt, now) + interval }
        return delay(at: now)
    }
}

/// Limits all requests of one client to a rate (client-go's `QPS` and `Burst`).
actor RequestLimiter {
    private var bucket: TokenBucket
    private let time: Timebase

    init(rate: Double, burst: Int, time: Timebase) {
        bucket = TokenBucket(rate: rate, burst: burst)
        self.time = time
    }

    /// Returns when a request may be sent, and how long that took.
    @discardableResult
    func admit() async throws -> Duration {
        let delay = bucket.take(at: time.now)
        if delay > .zero { try await time.sleep(for: delay) }
        return delay
    }
}
