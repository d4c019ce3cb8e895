/// How long to wait before the next request, after one that did not succeed.
struct RequestPace: Sendable {
    /// Requests that all nodes would send at once are spread over this time.
    private static let spread = Duration.seconds(1)
    /// Short enough that a server that is back has been asked, and has answered, within 10 s.
    private static let longestPause = Duration.seconds(8)
    /// The longest accepted `Retry-After`, in seconds. API servers ask for half a minute at most
    /// when they shed load.
    private static let longestRetryAfter = 30

    private var failures = Backoff(from: .milliseconds(800), to: longestPause)
    private var refusals: Backoff

    /// `longestRest` limits the delay for an unavailable resource.
    init(longestRest: Duration) {
        refusals = Backoff(from: .seconds(1), to: longestRest)
    }

    /// A watch worked: earlier failures no longer count.
    mutating func worked() {
        failures.reset()
    }

    /// The server offers the resource.
    mutating func found() {
        refusals.reset()
    }

    /// The next delay. `spent` is how long the failed request has waited for a response that did
    /// not come.
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
