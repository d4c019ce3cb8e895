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

    @Test("Waits double, with up to as much again, stay below their longest, and start anew")
    func backoff() {
        var generator = SplitMix64(seed: 1)
        for _ in 0..<100 {
            var backoff = Backoff(from: .milliseconds(800), to: .seconds(8))
            var base = Duration.milliseconds(800)
            for _ in 0..<10 {
                let delay = backoff.delay(using: &generator)
                #expect(delay >= base && delay < base * 2 && delay < .seconds(8))
                base = min(base * 2, .seconds(4))
            }
            backoff.reset()
            #expect(backoff.delay(using: &generator) < .milliseconds(1600))
        }
    }

    @Test("A wait is short after an end, as long as the server says, and counts what was waited")
    func pace() {
        var generator = SplitMix64(seed: 2)
        for _ in 0..<100 {
            var pace = RequestPace(longestRest: .seconds(300))
            func wait(
                _ reaction: ListWatchPlan.Reaction,
                spent: Duration = .zero
            ) -> Duration {
                pace.wait(after: reaction, spent: spent, using: &generator)
            }
            #expect(wait(.askAgain) == .zero)
            for _ in 0..<20 {
                #expect(wait(.askSoon) < .seconds(1))
                #expect(wait(.backOff(atLeastSeconds: 0)) < .seconds(8))
            }
            // A connection that did not come about for ten seconds has been waited for enough.
            #expect(wait(.backOff(atLeastSeconds: 0), spent: .seconds(10)) < .seconds(1))
            let asked = wait(.backOff(atLeastSeconds: 12))
            #expect(asked >= .seconds(12) && asked < .seconds(13))
            let unreasonable = wait(.backOff(atLeastSeconds: .max))
            #expect(unreasonable >= .seconds(30) && unreasonable < .seconds(31))
            pace.worked()
            #expect(wait(.backOff(atLeastSeconds: 0)) < .milliseconds(1600))
        }
    }

    @Test("What is not offered is asked for soon, then ever more rarely, and soon again once found")
    func rests() {
        var generator = SplitMix64(seed: 3)
        var pace = RequestPace(longestRest: .seconds(300))
        var base = Duration.seconds(1)
        for _ in 0..<12 {
            let wait = pace.wait(after: .rest, using: &generator)
            #expect(wait >= base && wait < base * 2 && wait < .seconds(300))
            base = min(base * 2, .seconds(150))
        }
        pace.found()
        #expect(pace.wait(after: .rest, using: &generator) < .seconds(2))
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
        #expect(plan.fails(APIStatus(code: 422)) == .askAgain)
        #expect(plan.step == .list(resourceVersion: "0", inPages: true))
        plan.listed("7")
        #expect(plan.step == .watch(resourceVersion: "7"))
        plan.saw("9")
        #expect(plan.step == .watch(resourceVersion: "9"))
    }

    @Test("By the next list the server may have learnt watch-list and the field selector")
    func serverIsReplaced() {
        var plan = ListWatchPlan(hasOptionalSelector: true)
        #expect(plan.fails(APIStatus(code: 400)) == .askAgain)
        #expect(plan.fails(APIStatus(code: 422)) == .askAgain)
        plan.listed("7")
        #expect(!plan.usesOptionalSelector)
        #expect(plan.fails(APIStatus(code: 410)) == .askAgain)
        #expect(plan.step == .watchList(resourceVersion: "7"))
        #expect(plan.usesOptionalSelector)
    }

    @Test("A list from a version is in one piece: beside a limit the version would be exact")
    func listFromVersion() {
        var plan = ListWatchPlan()
        plan.listed("7")
        #expect(plan.fails(APIStatus(code: 410)) == .askAgain)
        #expect(plan.fails(APIStatus(code: 422)) == .askAgain)
        #expect(plan.step == .list(resourceVersion: "7", inPages: false))
        #expect(plan.fails(APIStatus(code: 410)) == .askAgain)
        #expect(plan.step == .list(resourceVersion: "", inPages: true))
    }

    @Test(
        "A version too old: from the last one at once, then from the newest, then it is a failure"
    )
    func expired() {
        let status = APIStatus(code: 410, reason: "Expired")
        var plan = ListWatchPlan()
        plan.listed("7")
        #expect(plan.fails(status) == .askAgain)
        #expect(plan.step == .watchList(resourceVersion: "7"))
        #expect(plan.fails(status) == .askAgain)
        #expect(plan.step == .watchList(resourceVersion: ""))
        // The list did not help: another one like it would not either.
        plan.listed("8")
        #expect(plan.step == .watch(resourceVersion: "8"))
        #expect(plan.fails(status) == .askAgain)
        #expect(plan.step == .watchList(resourceVersion: ""))
        plan.listed("9")
        #expect(plan.fails(status) == .backOff(atLeastSeconds: 0))
        #expect(plan.step == .watchList(resourceVersion: ""))
        #expect(plan.listsWithoutWatch == 3)
        plan.listed("11")
        plan.worked()
        #expect(plan.listsWithoutWatch == 0)
        #expect(plan.fails(status) == .askAgain)
        #expect(plan.step == .watchList(resourceVersion: "11"))
    }

    @Test("A server that takes its time to call a version too old comes to a list from the newest")
    func expiredSlowly() {
        let status = APIStatus(code: 410, reason: "Expired")
        var plan = ListWatchPlan()
        var now = Duration.zero
        var reactions: [ListWatchPlan.Reaction] = []
        var lists: [ListWatchPlan.Step] = []
        for version in 7...9 {
            plan.listed("\(version)")
            now += .seconds(30)
            reactions.append(plan.failed(plan.step(at: now), status, at: now))
            lists.append(plan.step(at: now))
        }
        #expect(reactions == [.askAgain, .askAgain, .backOff(atLeastSeconds: 0)])
        #expect(
            lists == [
                .watchList(resourceVersion: "7"), .watchList(resourceVersion: ""),
                .watchList(resourceVersion: ""),
            ]
        )
        // The wait for a connection is wait enough.
        plan.listed("10")
        _ = plan.failed(plan.step(at: now), refused, at: now)
        #expect(plan.failed(plan.step(at: now), status, at: now) == .askAgain)
        #expect(plan.step(at: now) == .watchList(resourceVersion: ""))
        // Only a watch that worked counts as a new beginning.
        plan.listed("10")
        plan.worked()
        #expect(plan.failed(plan.step(at: now), status, at: now) == .askAgain)
        #expect(plan.step(at: now) == .watchList(resourceVersion: "10"))
    }

    @Test("A version that a server has not got to: from its newest at once")
    func tooLarge() {
        let status = APIStatus(code: 504, causes: ["ResourceVersionTooLarge"])
        var plan = ListWatchPlan()
        plan.listed("7")
        #expect(plan.fails(status) == .askAgain)
        #expect(plan.step == .watchList(resourceVersion: ""))
    }

    @Test("A server from before the field selector is asked without it, and by watch-list still")
    func oldSelector() {
        var plan = ListWatchPlan(hasOptionalSelector: true)
        #expect(plan.fails(APIStatus(code: 400)) == .askAgain)
        #expect(!plan.usesOptionalSelector)
        #expect(plan.step == .watchList(resourceVersion: ""))
    }

    @Test("If the selector was not what the server did not know, it stays")
    func selectorIsInnocent() {
        var plan = ListWatchPlan(hasOptionalSelector: true)
        #expect(plan.fails(APIStatus(code: 400)) == .askAgain)
        #expect(plan.fails(APIStatus(code: 400)) == .askAgain)
        #expect(plan.usesOptionalSelector)
        #expect(plan.step == .list(resourceVersion: "0", inPages: true))
    }

    @Test("A lost connection and 429 keep the version, and the server says how long to wait")
    func keepsVersion() {
        var plan = ListWatchPlan()
        plan.listed("7")
        for _ in 0..<20 {
            #expect(plan.fails(refused) == .backOff(atLeastSeconds: 0))
            #expect(
                plan.fails(APIStatus(code: 429, retryAfterSeconds: 7))
                    == .backOff(atLeastSeconds: 7)
            )
        }
        #expect(plan.step == .watch(resourceVersion: "7"))
    }

    @Test("A watch that fails again and again leads to a list")
    func relistsAtLast() {
        var plan = ListWatchPlan()
        plan.listed("7")
        for _ in 0..<4 { _ = plan.fails(APIStatus(code: 500)) }
        #expect(plan.step == .watch(resourceVersion: "7"))
        _ = plan.fails(Broken())
        #expect(plan.step == .watchList(resourceVersion: "7"))
    }

    @Test("A watch-list that never ends is done without for an hour")
    func silentWatchList() {
        var plan = ListWatchPlan()
        _ = plan.fails(IdleTimeout(limit: .seconds(30)))
        #expect(plan.step == .list(resourceVersion: "0", inPages: true))
        plan.listed("7")
        plan.saw("8")
        _ = plan.fails(APIStatus(code: 410))
        #expect(plan.step(at: .seconds(3599)) == .list(resourceVersion: "8", inPages: false))
        #expect(plan.step(at: .seconds(3600)) == .watchList(resourceVersion: "8"))
    }

    @Test("Pages that expire are asked for in one piece")
    func expiredPages() {
        var plan = ListWatchPlan()
        _ = plan.fails(APIStatus(code: 422))
        #expect(plan.step == .list(resourceVersion: "0", inPages: true))
        #expect(plan.fails(APIStatus(code: 410)) == .askAgain)
        #expect(plan.step == .list(resourceVersion: "0", inPages: false))
        plan.listed("7")
        _ = plan.fails(APIStatus(code: 410))
        _ = plan.fails(APIStatus(code: 422))
        _ = plan.fails(APIStatus(code: 410))
        #expect(plan.step == .list(resourceVersion: "", inPages: true))
        #expect(plan.fails(APIStatus(code: 410)) == .askAgain)
        #expect(plan.step == .list(resourceVersion: "", inPages: false))
        #expect(plan.fails(APIStatus(code: 410)) == .backOff(atLeastSeconds: 0))
    }

    @Test(
        "An optional resource that is missing or forbidden is left in peace",
        arguments: [403, 404]
    )
    func optional(code: Int) {
        var plan = ListWatchPlan(isOptional: true)
        #expect(plan.fails(APIStatus(code: code)) == .rest)
        var needed = ListWatchPlan()
        #expect(needed.fails(APIStatus(code: code)) == .backOff(atLeastSeconds: 0))
    }

    @Test("The error that ends a watch is not progress; events before it are")
    func batches() {
        let expired = APIStatus(code: 410, reason: "Expired")
        var initial: [APIObject]?
        let refused = EventBatch([.failed(expired)], initial: &initial)
        #expect(refused.resourceVersion == nil && refused.list == nil && refused.failure == expired)
        let bookmark = WatchEvent.bookmark(resourceVersion: "8", endsInitialEvents: false)
        let after = EventBatch([bookmark, .failed(expired), bookmark], initial: &initial)
        #expect(after.resourceVersion == "8" && after.failure == expired)
        initial = []
        let end = WatchEvent.bookmark(resourceVersion: "9", endsInitialEvents: true)
        let list = EventBatch([bookmark, end], initial: &initial)
        #expect(list.list?.resourceVersion == "9" && list.resourceVersion == nil)
        #expect(initial == nil)
    }
}

extension ListWatchPlan {
    /// At the beginning of time.
    fileprivate var step: Step { step(at: .zero) }

    fileprivate mutating func fails(_ error: any Error) -> Reaction {
        failed(step, error, at: .zero)
    }
}
