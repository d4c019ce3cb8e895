import Synchronization
import Testing

@testable import HTTPServing

@Suite("Pages that are made with pauses", .timeLimit(.minutes(10)))
struct PacedPagesTests {
    /// A clock that stands still but for what is slept, and for the making of pages.
    private final class Time: Sendable {
        private let now = Mutex(Duration.zero)
        private let slept = Mutex([Duration]())

        var clock: PacedPages.Clock {
            let sleep = { @Sendable (pause: Duration) async in
                self.slept.withLock { $0.append(pause) }
                self.pass(pause)
            }
            return PacedPages.Clock(now: { self.now.withLock { $0 } }, sleep: sleep)
        }

        var pauses: [Duration] { slept.withLock { $0 } }

        func pass(_ duration: Duration) { now.withLock { $0 += duration } }
    }

    @Test("Making takes a tenth of the time, and a pause no longer than two seconds")
    func pauses() async {
        let time = Time()
        let pages = PacedPages(time.clock)
        for seconds in [0.01, 0.1, 5, 0] {
            let page = await pages.page("a") {
                time.pass(.seconds(seconds))
                return .text("\(seconds)")
            }
            // Made for this request, though the one before had just been answered.
            #expect(page == .text("\(seconds)"))
        }
        #expect(time.pauses == [.milliseconds(90), .milliseconds(900), .seconds(2)])
        time.pass(.seconds(1))
        _ = await pages.page("a") { .text("") }
        #expect(time.pauses.count == 3)
    }

    @Test("A thousand requests that wait get one page, and no later page than they may")
    func shared() async {
        let (entered, enter) = AsyncStream<Void>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        let pages = PacedPages(Time().clock)
        final class Made: Sendable { let count = Mutex(0) }
        let made = Made()
        let first = Task {
            await pages.page("a") {
                enter.yield()
                for await _ in released { break }
                return .text("first")
            }
        }
        for await _ in entered { break }
        // The first one is being made, and so is older than these requests.
        let others = (0..<1000).map { _ in
            Task {
                await pages.page("a") {
                    made.count.withLock { $0 += 1 }
                    return .text("second")
                }
            }
        }
        let other = Task { await pages.page("b") { .text("other") } }
        // All have asked when as many tasks have run; the actor takes them one after the other.
        while await pages.requests < 1002 { await Task.yield() }
        #expect(made.count.withLock { $0 } == 0)
        release.yield()
        #expect(await first.value == .text("first"))
        for task in others { #expect(await task.value == .text("second")) }
        #expect(await other.value == .text("other"))
        #expect(made.count.withLock { $0 } == 1)
    }
}
