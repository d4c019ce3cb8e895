/// How long to wait after a failure: longer each time, starting anew after a calm while
/// (client-go's reflector: 0.8 s doubling to 30 s, and up to as much again by chance).
struct Backoff: Sendable {
    static let shortest = Duration.milliseconds(800)
    static let longest = Duration.seconds(30)
    /// Without a failure for so long, the next one counts as the first.
    static let calm = Duration.seconds(120)

    private var next = shortest
    private var lastFailure: Duration?

    /// The wait after a failure at `now`.
    mutating func delay(
        at now: Duration,
        using generator: inout some RandomNumberGenerator
    ) -> Duration {
        if let lastFailure, now - lastFailure > Self.calm { next = Self.shortest }
        lastFailure = now
        let delay = next
        next = min(next * 2, Self.longest)
        return delay + delay * Double.random(in: 0..<1, using: &generator)
    }
}
