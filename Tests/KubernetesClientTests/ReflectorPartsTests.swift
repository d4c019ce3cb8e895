import KubernetesAPI
import TestSupport
import Testing

@testable import KubernetesClient

@Suite("Reflector parts")
struct ReflectorPartsTests {
    private struct Broken: Error {}

    private let refused = ConnectionFailure(
        server: ServerAddress(host: "a", port: 1),
        reason: "Connection refused"
    )

    @Test("Waits double up to their longest, with up to as much again, and start anew after a calm")
    func backoff() {
        var generator = SplitMix64(seed: 1)
        var backoff = Backoff()
        var now = Duration.zero
        var base = Duration.milliseconds(800)
        for _ in 0..<10 {
            let delay = backoff.delay(at: now, using: &generator)
            #expect(delay >= base && delay < base * 2)
            base = min(base * 2, .seconds(30))
            now += delay
        }
        #expect(base == .seconds(30))
        let calm = backoff.delay(at: now + .seconds(121), using: &generator)
        #expect(calm < .milliseconds(1600))
    }

    @Test("A burst goes at once, the rest at the rate")
    func tokenBucket() {
        var bucket = TokenBucket(rate: 5, burst: 3)
        let delays = (0..<5).map { _ in bucket.take(at: .seconds(100)) }
        #expect(delays == [.zero, .zero, .zero, .milliseconds(200), .milliseconds(400)])
        #expect(bucket.take(at: .seconds(110)) == .zero)
    }

    @Test("First a watch-list; a refused one becomes a list from any version, then a watch")
    func watchListRefused() {
        var plan = ListWatchPlan()
        #expect(plan.step == .watchList(resourceVersion: ""))
        #expect(plan.failed(plan.step, APIStatus(code: 422)) == .askAgain)
        #expect(plan.step == .list(resourceVersion: "0", inPages: true))
        plan.listed("7")
        #expect(plan.step == .watch(resourceVersion: "7"))
        plan.saw("9")
        #expect(plan.step == .watch(resourceVersion: "9"))
        #expect(plan.failed(plan.step, APIStatus(code: 410)) == .backOff(atLeastSeconds: 0))
        #expect(plan.step == .list(resourceVersion: "9", inPages: true))
        #expect(plan.failed(plan.step, APIStatus(code: 410)) == .askAgain)
        #expect(plan.step == .list(resourceVersion: "", inPages: true))
    }

    @Test("A version too old or too new: from the last one, then from the newest")
    func outOfRange() {
        let tooLarge = APIStatus(code: 504, causes: ["ResourceVersionTooLarge"])
        for status in [APIStatus(code: 410, reason: "Expired"), tooLarge] {
            var plan = ListWatchPlan()
            plan.listed("7")
            #expect(plan.failed(plan.step, status) == .backOff(atLeastSeconds: 0))
            #expect(plan.step == .watchList(resourceVersion: "7"))
            #expect(plan.failed(plan.step, status) == .askAgain)
            #expect(plan.step == .watchList(resourceVersion: ""))
            plan.listed("8")
            #expect(plan.step == .watch(resourceVersion: "8"))
        }
    }

    @Test("A server from before the field selector is asked without it, and by watch-list still")
    func oldSelector() {
        var plan = ListWatchPlan(hasOptionalSelector: true)
        #expect(plan.failed(plan.step, APIStatus(code: 400)) == .askAgain)
        #expect(!plan.usesOptionalSelector)
        #expect(plan.step == .watchList(resourceVersion: ""))
    }

    @Test("If the selector was not what the server did not know, it stays")
    func selectorIsInnocent() {
        var plan = ListWatchPlan(hasOptionalSelector: true)
        #expect(plan.failed(plan.step, APIStatus(code: 400)) == .askAgain)
        #expect(plan.failed(plan.step, APIStatus(code: 400)) == .askAgain)
        #expect(plan.usesOptionalSelector)
        #expect(plan.step == .list(resourceVersion: "0", inPages: true))
    }

    @Test("A lost connection and 429 keep the version, and the server says how long to wait")
    func keepsVersion() {
        var plan = ListWatchPlan()
        plan.listed("7")
        for _ in 0..<20 {
            #expect(plan.failed(plan.step, refused) == .backOff(atLeastSeconds: 0))
            #expect(
                plan.failed(plan.step, APIStatus(code: 429, retryAfterSeconds: 7))
                    == .backOff(atLeastSeconds: 7)
            )
        }
        #expect(plan.step == .watch(resourceVersion: "7"))
    }

    @Test("A watch that fails again and again leads to a list")
    func relistsAtLast() {
        var plan = ListWatchPlan()
        plan.listed("7")
        for _ in 0..<4 { _ = plan.failed(plan.step, APIStatus(code: 500)) }
        #expect(plan.step == .watch(resourceVersion: "7"))
        _ = plan.failed(plan.step, Broken())
        #expect(plan.step == .watchList(resourceVersion: "7"))
    }

    @Test("A watch-list that never ends is done without once")
    func silentWatchList() {
        var plan = ListWatchPlan()
        _ = plan.failed(plan.step, IdleTimeout(limit: .seconds(30)))
        #expect(plan.step == .list(resourceVersion: "0", inPages: true))
        plan.listed("7")
        plan.saw("8")
        _ = plan.failed(plan.step, APIStatus(code: 410))
        #expect(plan.step == .watchList(resourceVersion: "8"))
    }

    @Test("Pages that expire are asked for in one piece")
    func expiredPages() {
        var plan = ListWatchPlan()
        _ = plan.failed(plan.step, APIStatus(code: 422))
        plan.listed("7")
        _ = plan.failed(plan.step, APIStatus(code: 410))
        _ = plan.failed(plan.step, APIStatus(code: 410))
        #expect(plan.failed(plan.step, APIStatus(code: 410)) == .askAgain)
        #expect(plan.step == .list(resourceVersion: "", inPages: false))
    }

    @Test(
        "An optional resource that is missing or forbidden is left in peace",
        arguments: [403, 404]
    )
    func optional(code: Int) {
        var plan = ListWatchPlan(isOptional: true)
        #expect(plan.failed(plan.step, APIStatus(code: code)) == .rest)
        var needed = ListWatchPlan()
        #expect(needed.failed(needed.step, APIStatus(code: code)) == .backOff(atLeastSeconds: 0))
    }
}
