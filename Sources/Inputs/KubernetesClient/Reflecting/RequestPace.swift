/// When to ask the API server next, after a question did not go well.
struct RequestPace: Sendable {
    /// Questions that come at once for every node are spread over so long.
    private static let spread = Duration.seconds(1)
    /// Short enough that a server which is back is asked, and has answered, within 10 s.
    private static let longestPause = Duration.seconds(8)
    /// A server that asks for more time gets so much, in seconds. API servers ask for half a minute
    /// at most when they shed load.
    private static let longestRetryAfter = 30

    private var failures = Backoff(from: .milliseconds(800), to: longestPause)
    private var refusals: Backoff

    /// `longestRest` is the limit for a resource that the server does not offer.
    init(longestRest: Duration) {
        refusals = Backoff(from: .seconds(1), to: longestRest)
    }

    /// A watch worked: what failed before it counts no more.
    mutating func worked() {
        failures.reset()
    }

    /// The server does offer the resource.
    mutating func found() {
        refusals.reset()
    }

    /// How long to wait. `spent` is what the failed question has waited already, where that was
    /// for an answer that did not come.
    mutating func wait(
        after reaction: ListWatchPlan.Reaction,
        spent: Duration = .zero,
        using generator: inout some RandomNumberGenerator
    ) -> Duration {
        let chance = Self.spread * Double.random(in: 0..<1, using: &generator)
        switch reaction {
        case .askAgain: return .zero
        case .askSoon: return chance
        case .backOff(let seconds):
            let pause = max(failures.delay(using: &generator) - spent, chance)
            guard seconds > 0 else { return pause }
            return max(pause, .seconds(min(seconds, Self.longestRetryAfter)) + chance)
        case .rest: return refusals.delay(using: &generator)
        }
    }
}
