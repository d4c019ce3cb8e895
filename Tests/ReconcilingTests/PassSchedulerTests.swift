import Reconciling
import Testing

@Suite struct PassSchedulerTests {
    private let start = ContinuousClock.now

    private func scheduler() -> PassScheduler {
        PassScheduler(
            minInterval: .milliseconds(200),
            retryInterval: .seconds(1),
            maxRetryInterval: .seconds(5),
            fullInterval: .seconds(600),
            families: 2,
            start: start
        )
    }

    private func at(_ duration: Duration) -> ContinuousClock.Instant {
        start.advanced(by: duration)
    }

    /// A scheduler whose first pass took 10 ms and succeeded.
    private func settled() -> PassScheduler {
        var scheduler = scheduler()
        scheduler.completed(
            .full,
            at: at(.milliseconds(10)),
            duration: .milliseconds(10),
            outcome: .succeeded
        )
        return scheduler
    }

    @Test("The first pass is full and due at once")
    func firstPass() {
        #expect(scheduler().due(at: start) == .full)
    }

    @Test("A request after a quiet time runs at once, and as an increment")
    func quietRequest() {
        var scheduler = settled()
        #expect(scheduler.due(at: at(.seconds(60))) == nil)
        scheduler.request(at: at(.seconds(60)))
        #expect(scheduler.due(at: at(.seconds(60))) == .incremental)
    }

    @Test("Requests soon after a pass wait for the minimum interval and coalesce")
    func minimumInterval() {
        var scheduler = settled()
        scheduler.request(at: at(.milliseconds(20)))
        scheduler.request(at: at(.milliseconds(50)))
        #expect(scheduler.due(at: at(.milliseconds(209))) == nil)
        #expect(scheduler.due(at: at(.milliseconds(210))) == .incremental)
        scheduler.completed(
            .incremental,
            at: at(.milliseconds(215)),
            duration: .milliseconds(5),
            outcome: .succeeded
        )
        #expect(scheduler.due(at: at(.seconds(10))) == nil)
    }

    @Test("A long pass earns a long rest")
    func rest() {
        var scheduler = settled()
        scheduler.completed(
            .incremental,
            at: at(.seconds(2)),
            duration: .milliseconds(300),
            outcome: .succeeded
        )
        scheduler.request(at: at(.seconds(2)))
        #expect(scheduler.due(at: at(.milliseconds(3400))) == nil)
        #expect(scheduler.due(at: at(.milliseconds(3500))) == .incremental)
    }

    @Test("A failure is repeated in full, later each time up to the maximum")
    func backoff() {
        var scheduler = settled()
        var now = Duration.seconds(10)
        for delay in [1, 2, 4, 5, 5] {
            scheduler.completed(.incremental, at: at(now), duration: .zero, outcome: .failed)
            // A new request does not shorten the wait.
            scheduler.request(at: at(now))
            #expect(scheduler.due(at: at(now + .seconds(delay) - .milliseconds(1))) == nil)
            #expect(scheduler.due(at: at(now + .seconds(delay))) == .full)
            now += .seconds(delay)
        }
        scheduler.completed(.full, at: at(now), duration: .zero, outcome: .succeeded)
        scheduler.request(at: at(now + .seconds(1)))
        #expect(scheduler.due(at: at(now + .seconds(1))) == .incremental)
    }

    @Test("Single objects are tried again in full, later each time, while changes go on")
    func incomplete() {
        var scheduler = settled()
        var now = Duration.seconds(10)
        for delay in [1, 2, 4, 5, 5] {
            scheduler.completed(.full, at: at(now), duration: .zero, outcome: .incomplete)
            scheduler.request(at: at(now + .milliseconds(500)))
            #expect(scheduler.due(at: at(now + .milliseconds(500))) == .incremental)
            scheduler.completed(
                .incremental,
                at: at(now + .milliseconds(500)),
                duration: .zero,
                outcome: .incomplete
            )
            #expect(scheduler.due(at: at(now + .seconds(delay) - .milliseconds(1))) == nil)
            #expect(scheduler.due(at: at(now + .seconds(delay))) == .full)
            now += .seconds(delay)
        }
        scheduler.completed(.full, at: at(now), duration: .zero, outcome: .succeeded)
        #expect(scheduler.due(at: at(now + .seconds(200))) == nil)
        // An increment that leaves something undone is followed by a look, soon again.
        scheduler.completed(
            .incremental,
            at: at(now + .seconds(201)),
            duration: .zero,
            outcome: .incomplete
        )
        #expect(scheduler.due(at: at(now + .seconds(202))) == .full)
    }

    @Test("A suspicion about the kernel makes the next pass full, and only that one")
    func suspicion() {
        var scheduler = settled()
        scheduler.request(at: at(.seconds(1)), full: true)
        scheduler.request(at: at(.seconds(1)))
        #expect(scheduler.due(at: at(.seconds(1))) == .full)
        scheduler.completed(.full, at: at(.seconds(1)), duration: .zero, outcome: .succeeded)
        scheduler.request(at: at(.seconds(2)))
        #expect(scheduler.due(at: at(.seconds(2))) == .incremental)
    }

    @Test("Without any request each family is read once in the full interval, one by one")
    func backstop() {
        var scheduler = settled()
        #expect(scheduler.due(at: at(.seconds(300))) == nil)
        #expect(scheduler.due(at: at(.seconds(301))) == .resync)
        scheduler.completed(.resync, at: at(.seconds(301)), duration: .zero, outcome: .succeeded)
        scheduler.request(at: at(.seconds(400)))
        #expect(scheduler.due(at: at(.seconds(400))) == .incremental)
        scheduler.completed(
            .incremental,
            at: at(.seconds(400)),
            duration: .zero,
            outcome: .succeeded
        )
        #expect(scheduler.due(at: at(.seconds(600))) == nil)
        #expect(scheduler.due(at: at(.seconds(601))) == .resync)
        scheduler.completed(.resync, at: at(.seconds(601)), duration: .zero, outcome: .failed)
        #expect(scheduler.due(at: at(.seconds(602))) == .full)
    }
}
