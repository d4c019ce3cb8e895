import Dataplane
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
            work: .milliseconds(10),
            outcome: .succeeded
        )
        return scheduler
    }

    @Test("The first pass is full and due at once")
    func firstPass() {
        #expect(scheduler().due(at: start) == .full)
    }

    @Test("Retries stay apart after the time of the resync has come")
    func failuresPastResync() {
        var scheduler = settled()
        var now = at(.seconds(299))
        scheduler.request(at: now, full: true)
        for expected in [1, 2, 4, 5, 5, 5] {
            #expect(scheduler.due(at: now) == .full)
            scheduler.completed(
                .full,
                at: now,
                work: .milliseconds(10),
                outcome: .failed(.backingOff)
            )
            let next = now.advanced(by: .seconds(expected))
            #expect(scheduler.nextWake == next)
            #expect(scheduler.due(at: next.advanced(by: .milliseconds(-1))) == nil)
            now = next
        }
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
            work: .milliseconds(5),
            outcome: .succeeded
        )
        #expect(scheduler.due(at: at(.seconds(10))) == nil)
    }

    @Test("The first pass, however long, does not hold up the change that follows it")
    func firstChange() {
        var scheduler = scheduler()
        scheduler.completed(
            .full,
            at: at(.seconds(7)),
            work: .seconds(7),
            outcome: .succeeded
        )
        scheduler.request(at: at(.milliseconds(7200)))
        #expect(scheduler.due(at: at(.milliseconds(7200))) == .incremental)
    }

    /// But for what dividing durations rounds off.
    private func isAbout(_ left: Duration, _ right: Duration) -> Bool {
        left < right + .microseconds(1) && right < left + .microseconds(1)
    }

    /// Runs passes of `duration` for as long as there are requests, all the time, from `first` to
    /// `last`; when each began.
    private func busy(
        _ scheduler: inout PassScheduler,
        passes duration: Duration,
        from first: Duration,
        to last: Duration
    ) -> [Duration] {
        var begins: [Duration] = []
        var now = first
        while now < last {
            scheduler.request(at: at(now))
            now = max(now, scheduler.nextWake - start)
            #expect(scheduler.due(at: at(now)) == .incremental)
            begins.append(now)
            now += duration
            scheduler.completed(
                .incremental,
                at: at(now),
                work: duration,
                outcome: .succeeded
            )
        }
        return begins
    }

    @Test("A short burst of long passes runs without rests; sustained ones get a sixth of the time")
    func budget() {
        var scheduler = settled()
        let begins = busy(
            &scheduler,
            passes: .milliseconds(160),
            from: .seconds(20),
            to: .seconds(120)
        )
        let gaps = zip(begins.dropFirst(), begins).map { $0 - $1 }
        // A pass and `minInterval`.
        #expect(gaps.prefix(12).allSatisfy { $0 == .milliseconds(360) })
        // A pass and five times as much.
        #expect(gaps.suffix(50).allSatisfy { isAbout($0, .milliseconds(960)) })
    }

    @Test("Quiet times fill the budget again, and no further than full")
    func budgetFills() {
        var scheduler = settled()
        _ = busy(&scheduler, passes: .milliseconds(160), from: .seconds(1), to: .seconds(60))
        // Six seconds of quiet are one of passes.
        let some = busy(
            &scheduler,
            passes: .milliseconds(160),
            from: .seconds(66),
            to: .seconds(76)
        )
        let someGaps = zip(some.dropFirst(), some).map { $0 - $1 }
        #expect(someGaps.prefix(5).allSatisfy { $0 == .milliseconds(360) })
        #expect(someGaps.last.map { isAbout($0, .milliseconds(960)) } == true)
        let all = busy(
            &scheduler,
            passes: .milliseconds(160),
            from: .seconds(200),
            to: .seconds(210)
        )
        let allGaps = zip(all.dropFirst(), all).map { $0 - $1 }
        #expect(allGaps.prefix(12).allSatisfy { $0 == .milliseconds(360) })
        #expect(allGaps.last.map { isAbout($0, .milliseconds(960)) } == true)
    }

    @Test("A pass that takes longer than all that was saved earns a long rest")
    func debt() {
        var scheduler = settled()
        scheduler.request(at: at(.seconds(60)))
        scheduler.completed(
            .incremental,
            at: at(.seconds(65)),
            work: .seconds(5),
            outcome: .succeeded
        )
        scheduler.request(at: at(.seconds(65)))
        // 5 s of work, 2 s of budget: 3 s of debt at a sixth.
        #expect(scheduler.due(at: at(.milliseconds(82_999))) == nil)
        #expect(scheduler.due(at: at(.seconds(83))) == .incremental)
    }

    @Test("A failure is repeated in full, later each time up to the maximum")
    func backoff() {
        var scheduler = settled()
        var now = Duration.seconds(10)
        for delay in [1, 2, 4, 5, 5] {
            scheduler.completed(
                .incremental,
                at: at(now),
                work: .zero,
                outcome: .failed(.backingOff)
            )
            // A new request does not shorten the wait.
            scheduler.request(at: at(now))
            #expect(scheduler.due(at: at(now + .seconds(delay) - .milliseconds(1))) == nil)
            #expect(scheduler.due(at: at(now + .seconds(delay))) == .full)
            now += .seconds(delay)
        }
        scheduler.completed(.full, at: at(now), work: .zero, outcome: .succeeded)
        scheduler.request(at: at(now + .seconds(1)))
        #expect(scheduler.due(at: at(now + .seconds(1))) == .incremental)
    }

    @Test("While one family fails, the changes and repairs of the others run at once")
    func partialFailure() {
        var scheduler = settled()
        func end(_ kind: PassKind, after time: Duration, _ outcome: PassOutcome) {
            scheduler.completed(kind, at: at(time), work: .zero, outcome: outcome)
        }
        end(.full, after: .seconds(10), .failed(.slowly, partly: true))
        scheduler.request(at: at(.seconds(11)))
        #expect(scheduler.due(at: at(.seconds(11))) == .incremental)
        end(.incremental, after: .seconds(11), .succeeded)
        scheduler.request(at: at(.seconds(12)), full: true)
        #expect(scheduler.due(at: at(.seconds(12))) == .repair)
        end(.repair, after: .seconds(12), .incomplete)
        // Neither puts off the retry, nor brings it forward.
        #expect(scheduler.due(at: at(.milliseconds(14_999))) == nil)
        #expect(scheduler.due(at: at(.seconds(15))) == .full)
        end(.full, after: .seconds(15), .failed(.backingOff, partly: true))
        #expect(scheduler.nextWake == at(.seconds(17)))
        // Now all fail: nothing is left that could go on.
        scheduler.request(at: at(.seconds(16)))
        end(.incremental, after: .seconds(16), .failed(.slowly))
        scheduler.request(at: at(.milliseconds(16_100)))
        #expect(scheduler.due(at: at(.milliseconds(16_999))) == nil)
        #expect(scheduler.due(at: at(.seconds(17))) == .full)
        end(.full, after: .seconds(17), .succeeded)
        scheduler.request(at: at(.seconds(18)))
        #expect(scheduler.due(at: at(.seconds(18))) == .incremental)
    }

    @Test("While one family fails for long, the others are still looked at")
    func resyncInPartialFailure() {
        var scheduler = settled()
        let failed = PassOutcome.failed(.slowly, partly: true)
        scheduler.completed(.full, at: at(.seconds(1)), work: .zero, outcome: failed)
        var retries = 0
        var resyncs: [Int] = []
        for second in 2...1000 {
            let now = at(.seconds(second))
            guard let kind = scheduler.due(at: now) else { continue }
            if kind == .full { retries += 1 } else { resyncs.append(second) }
            scheduler.completed(
                kind,
                at: now,
                work: .zero,
                outcome: kind == .full ? failed : .succeeded
            )
        }
        #expect(retries == 199)
        // One of two families every 300 s.
        #expect(resyncs == [302, 602, 902])
    }

    @Test("Single objects are tried again in full, later each time, while changes go on")
    func incomplete() {
        var scheduler = settled()
        var now = Duration.seconds(10)
        for delay in [1, 2, 4, 5, 5] {
            scheduler.completed(.full, at: at(now), work: .zero, outcome: .incomplete)
            scheduler.request(at: at(now + .milliseconds(500)))
            #expect(scheduler.due(at: at(now + .milliseconds(500))) == .incremental)
            scheduler.completed(
                .incremental,
                at: at(now + .milliseconds(500)),
                work: .zero,
                outcome: .incomplete
            )
            #expect(scheduler.due(at: at(now + .seconds(delay) - .milliseconds(1))) == nil)
            #expect(scheduler.due(at: at(now + .seconds(delay))) == .full)
            now += .seconds(delay)
        }
        scheduler.completed(.full, at: at(now), work: .zero, outcome: .succeeded)
        #expect(scheduler.due(at: at(now + .seconds(200))) == nil)
        // An increment that leaves something undone is followed by a look, soon again.
        scheduler.completed(
            .incremental,
            at: at(now + .seconds(201)),
            work: .zero,
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
        scheduler.completed(.full, at: at(.seconds(1)), work: .zero, outcome: .succeeded)
        scheduler.request(at: at(.seconds(2)))
        #expect(scheduler.due(at: at(.seconds(2))) == .incremental)
    }

    @Test("Without any request each family is read once in the full interval, one by one")
    func backstop() {
        var scheduler = settled()
        #expect(scheduler.due(at: at(.seconds(300))) == nil)
        #expect(scheduler.due(at: at(.seconds(301))) == .resync)
        scheduler.completed(.resync, at: at(.seconds(301)), work: .zero, outcome: .succeeded)
        scheduler.request(at: at(.seconds(400)))
        #expect(scheduler.due(at: at(.seconds(400))) == .incremental)
        scheduler.completed(
            .incremental,
            at: at(.seconds(400)),
            work: .zero,
            outcome: .succeeded
        )
        #expect(scheduler.due(at: at(.seconds(600))) == nil)
        #expect(scheduler.due(at: at(.seconds(601))) == .resync)
        scheduler.completed(
            .resync,
            at: at(.seconds(601)),
            work: .zero,
            outcome: .failed(.backingOff)
        )
        #expect(scheduler.due(at: at(.seconds(602))) == .full)
    }

    @Test(
        "Passing obstacles are retried soon each time, those that need an administrator at the longest interval"
    )
    func retries() {
        for (retry, delay) in [(PassOutcome.Retry.soon, 1), (.slowly, 5)] {
            var scheduler = settled()
            var now = Duration.seconds(10)
            for _ in 0..<4 {
                scheduler.completed(.full, at: at(now), work: .zero, outcome: .failed(retry))
                scheduler.request(at: at(now))
                #expect(scheduler.due(at: at(now + .seconds(delay) - .milliseconds(1))) == nil)
                now += .seconds(delay)
                #expect(scheduler.due(at: at(now)) == .full)
            }
        }
    }

    @Test("What a retry waited for is over: it runs at once")
    func retryNow() {
        for outcome in [
            PassOutcome.failed(.soon), .failed(.backingOff), .failed(.slowly, partly: true),
            .incomplete,
        ] {
            var scheduler = settled()
            scheduler.completed(.full, at: at(.seconds(10)), work: .zero, outcome: outcome)
            let now = at(.milliseconds(10_500))
            #expect(scheduler.due(at: now) == nil)
            scheduler.retryNow(at: now)
            #expect(scheduler.due(at: now) == .full)
            scheduler.completed(.full, at: now, work: .zero, outcome: .succeeded)
            // Nothing waits any more.
            scheduler.retryNow(at: at(.seconds(11)))
            #expect(scheduler.due(at: at(.seconds(11))) == nil)
        }
    }

    @Test("Full passes that may read nothing do not put off the next resync")
    func fullPassesAndResync() {
        var scheduler = settled()
        // A resync of one of two families is due every 300 s.
        for second in stride(from: 10, to: 300, by: 10) {
            let now = at(.seconds(second))
            scheduler.request(at: now, full: true)
            #expect(scheduler.due(at: now) == .full)
            scheduler.completed(
                .full,
                at: now,
                work: .milliseconds(1),
                outcome: .succeeded
            )
        }
        #expect(scheduler.due(at: at(.milliseconds(300_009))) == nil)
        #expect(scheduler.due(at: at(.milliseconds(300_010))) == .resync)
        scheduler.completed(
            .resync,
            at: at(.seconds(301)),
            work: .milliseconds(1),
            outcome: .succeeded
        )
        #expect(scheduler.nextWake == at(.seconds(601)))
    }

    // MARK: - Resyncs beside changes

    @Test("A resync begins when nothing has been requested for a second; a change goes first")
    func resyncAfterQuiet() {
        var scheduler = settled()
        func change(_ now: Duration) {
            scheduler.request(at: at(now))
            #expect(scheduler.due(at: at(now)) == .incremental)
            scheduler.completed(
                .incremental,
                at: at(now),
                work: .milliseconds(1),
                outcome: .succeeded
            )
        }
        for number in 0...36 { change(.milliseconds(299_000 + number * 300)) }
        #expect(scheduler.nextWake == at(.milliseconds(310_800)))
        #expect(scheduler.due(at: at(.milliseconds(310_799))) == nil)
        #expect(scheduler.due(at: at(.milliseconds(310_800))) == .resync)
        scheduler.request(at: at(.milliseconds(310_800)))
        #expect(scheduler.due(at: at(.milliseconds(310_800))) == .incremental)
    }

    @Test("A change that comes during a resync runs at once, however long that has read")
    func changeDuringResync() {
        for isGivenUp in [true, false] {
            var scheduler = settled()
            #expect(scheduler.due(at: at(.seconds(301))) == .resync)
            scheduler.completed(
                .resync,
                at: at(.seconds(321)),
                work: .seconds(20),
                outcome: .succeeded,
                isGivenUp: isGivenUp
            )
            scheduler.request(at: at(.seconds(321)))
            #expect(scheduler.due(at: at(.seconds(321))) == .incremental)
        }
    }

    @Test(
        "A resync that was given up is tried again after growing pauses, and a whole one ends that"
    )
    func resyncGivenUp() {
        var scheduler = settled()
        var now = Duration.seconds(301)
        for round in 1...2 {
            for pause in [1, 2, 4, 8, 16] {
                #expect(scheduler.due(at: at(now)) == .resync)
                scheduler.completed(
                    .resync,
                    at: at(now),
                    work: .milliseconds(5),
                    outcome: .succeeded,
                    isGivenUp: true
                )
                #expect(scheduler.nextWake == at(now + .seconds(pause)))
                now += .seconds(pause)
            }
            #expect(scheduler.due(at: at(now)) == .resync)
            // Much was read in vain.
            scheduler.completed(
                .resync,
                at: at(now),
                work: .seconds(20),
                outcome: .succeeded,
                isGivenUp: true
            )
            #expect(scheduler.nextWake == at(now + .seconds(120)))
            now += .seconds(120)
            scheduler.completed(.resync, at: at(now), work: .seconds(1), outcome: .succeeded)
            #expect(scheduler.nextWake == at(now + .seconds(300)), "round \(round)")
            now += .seconds(300)
        }
    }

    @Test("Where changes never cease, a resync is overdue at last, and is not put off further")
    func overdueResync() {
        var scheduler = settled()
        var resyncs: [Int] = []
        for half in 1...8200 {
            let now = at(.milliseconds(500 * half))
            scheduler.request(at: now)
            let kind = scheduler.due(at: now)
            #expect(kind != nil && kind != .resync)
            if kind == .overdueResync { resyncs.append(half / 2) }
            scheduler.completed(
                kind ?? .incremental,
                at: now,
                work: .milliseconds(1),
                outcome: .succeeded
            )
        }
        // Due after 300 s, and put off for six times that.
        #expect(resyncs == [2100])
        #expect(scheduler.due(at: at(.seconds(4101))) == .resync)
    }

    @Test("Resyncs that are given up all the time are overdue at last")
    func overdueAfterGivingUp() {
        var scheduler = settled()
        var now = scheduler.nextWake
        var count = 0
        while let kind = scheduler.due(at: now), kind == .resync, count < 100 {
            scheduler.completed(
                kind,
                at: now,
                work: .milliseconds(5),
                outcome: .succeeded,
                isGivenUp: true
            )
            count += 1
            now = scheduler.nextWake
        }
        #expect(scheduler.due(at: now) == .overdueResync)
        #expect(isAbout(now - start, .milliseconds(10) + .seconds(2100)))
        #expect(count == 14)
    }
}
