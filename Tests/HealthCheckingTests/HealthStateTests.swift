import HealthChecking
import ServiceModel
import Testing

@Suite("A target's verdict")
struct HealthStateTests {
    private static let start = ContinuousClock.now
    private static let timing = HealthCheck.Timing(rise: 2, fall: 3)

    /// The verdicts after each result: `+` passed, `-` failed; `u`, `h` or `d` for unhealthy.
    private func verdicts(_ results: String) -> String {
        var state = TargetHealth(since: Self.start)
        var seen = ""
        for (second, result) in results.enumerated() {
            let before = state
            let changed = state.record(
                passed: result == "+",
                Self.timing,
                at: Self.start + .seconds(second)
            )
            #expect(changed == (before.verdict != state.verdict))
            #expect(changed || before.since == state.since)
            #expect(!changed || state.since == Self.start + .seconds(second))
            #expect(state.isUsed == (state.verdict != .unhealthy))
            switch state.verdict {
            case .unknown: seen += "u"
            case .healthy: seen += "h"
            case .unhealthy: seen += "d"
            }
        }
        return seen
    }

    @Test(
        "Verdicts follow results in a row",
        arguments: [
            ("+", "h"), ("---", "uud"), ("--+", "uuh"), ("+---", "hhhd"), ("+--+---", "hhhhhhd"),
            ("---+", "uudd"), ("---++", "uuddh"), ("---+-+", "uudddd"), ("---+-++", "uuddddh"),
            ("+-+-+-+-", "hhhhhhhh"), ("-----++---", "uuddddhhhd"),
        ]
    )
    func thresholds(_ results: String, _ expected: String) {
        #expect(verdicts(results) == expected)
    }
}
