/// Delays that grow with each consecutive failure and start over after a success.
struct Backoff: Sendable {
    private let shortest: Duration
    private let longest: Duration
    private var next: Duration

    /// The first delay is between `shortest` and twice that, each further one twice as long. All
    /// stay below `longest`, including jitter.
    init(from shortest: Duration, to longest: Duration) {
        self.shortest = min(shortest, longest / 2)
        self.longest = longest
        next = self.shortest
    }

    mutating func delay(using generator: inout some RandomNumberGenerator) -> Duration {
        let base = next
        next = min(next * 2, longest / 2)
        return base + base * Double.random(in: 0..<1, using: &generator)
    }

    mutating func reset() {
        next = shortest
    }
}
