import Dataplane
import DataplaneModel
import ServiceModel
import Synchronization
import SystemCalls
import Testing

/// What the dataplane notices between passes.
extension DataplaneTests {
    /// What a watch of the dataplane reports.
    private struct Reports {
        let stream: AsyncStream<Void>
        let task: Task<Void, Never>

        /// Until the task is cancelled; the stream ends with it.
        init(_ dataplane: Dataplane, every interval: Duration) {
            let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
            self.stream = stream
            task = Task {
                await dataplane.watch(every: interval) { continuation.yield() }
                continuation.finish()
            }
        }

        var count: Int { get async { await stream.reduce(0) { count, _ in count + 1 } } }
    }

    @Test(
        "A watch looks in its interval, and reports what a look would find",
        .timeLimit(.minutes(10))
    )
    func watch() async throws {
        let dataplane = try await dataplane()
        let reports = Reports(dataplane, every: .milliseconds(1))
        var next = reports.stream.makeAsyncIterator()
        ipv6.with { $0.drifted = true }
        #expect(await next.next() != nil)
        #expect(await dataplane.look().hasDrifted)
        ipv6.with { $0.drifted = false }
        reports.task.cancel()
        while await next.next() != nil {}
        let error = DataplaneError(kind: .busy, operation: "test", subject: "", errno: 11)
        ipv4.with { $0.lookError = error }
        let failing = Reports(dataplane, every: .milliseconds(1))
        var failure = failing.stream.makeAsyncIterator()
        #expect(await failure.next() != nil)
        failing.task.cancel()
        #expect(await dataplane.look().driftError == error)
    }

    @Test(
        "A quiet watch reports nothing, does due work, and ends at once when it is cancelled",
        .timeLimit(.minutes(10))
    )
    func quietWatch() async throws {
        let dataplane = try await dataplane()
        let quiet = Reports(dataplane, every: .milliseconds(1))
        while ipv4.with({ $0.dueWork }) < 5 { await Task.yield() }
        quiet.task.cancel()
        #expect(await quiet.count == 0)
        // Neither a watch that waits for long nor one that has not begun keeps its task.
        let long = Reports(dataplane, every: .seconds(Int64.max))
        await dataplane.answer()
        long.task.cancel()
        #expect(await long.count == 0)
        let early = Reports(dataplane, every: .seconds(3600))
        early.task.cancel()
        #expect(await early.count == 0)
    }

    @Test("What the kernel announces is looked at at once", .timeLimit(.minutes(10)))
    func announcements() async throws {
        let dataplane = try await dataplane()
        let alarm = try Alarm()
        ipv6.with { $0.announcements = [alarm.descriptor] }
        let reports = Reports(dataplane, every: .seconds(3600))
        ipv6.with { $0.drifted = true }
        alarm.set()
        var next = reports.stream.makeAsyncIterator()
        #expect(await next.next() != nil)
        // Jobs are done while it waits.
        for _ in 0..<100 { await dataplane.answer() }
        reports.task.cancel()
        // One more for each second that this took: the alarm is still set.
        while await next.next() != nil {}
    }

    @Test("Where everything is announced, nothing is looked at without", .timeLimit(.minutes(10)))
    func silence() async throws {
        let dataplane = try await dataplane()
        let alarm = try Alarm()
        for family in [ipv4, ipv6] {
            family.with { ($0.announcesAll, $0.announcements) = (true, [alarm.descriptor]) }
        }
        let looks = ipv4.with { $0.dueWork }
        let reports = Reports(dataplane, every: .milliseconds(1))
        let began = ContinuousClock.now
        while ContinuousClock.now - began < .milliseconds(200) { await Task.yield() }
        let hasRested = ContinuousClock.now - began < .seconds(10)
        #expect(ipv4.with { $0.dueWork } == looks || !hasRested)
        ipv6.with { $0.drifted = true }
        alarm.set()
        var next = reports.stream.makeAsyncIterator()
        #expect(await next.next() != nil)
        reports.task.cancel()
    }

    @Test(
        "What the node knows about itself is looked at when that is announced, and otherwise rarely",
        .timeLimit(.minutes(10))
    )
    func announcedFacts() async throws {
        let dataplane = try await dataplane()
        let alarm = try Alarm()
        ipv4.with { $0.hostAnnouncements = [alarm.descriptor] }
        let began = ContinuousClock.now
        let reports = Reports(dataplane, every: .milliseconds(1))
        while ipv4.with({ $0.dueWork }) < 50 { await Task.yield() }
        // Once at the start, at the first look, and every ten seconds.
        let reads = ipv4.with { $0.factsReads }
        #expect(reads <= 2 + Int((ContinuousClock.now - began) / .seconds(10)))
        ipv4.with {
            $0.factsError = DataplaneError(kind: .busy, operation: "test", subject: "", errno: 11)
        }
        alarm.set()
        var next = reports.stream.makeAsyncIterator()
        #expect(await next.next() != nil)
        reports.task.cancel()
    }

    @Test("Announcements without end are looked at in the interval", .timeLimit(.minutes(10)))
    func steadyAnnouncements() async throws {
        let dataplane = try await dataplane()
        let alarm = try Alarm()
        alarm.set()
        ipv4.with { $0.announcements = [alarm.descriptor] }
        let began = ContinuousClock.now
        let reports = Reports(dataplane, every: .milliseconds(50))
        while ContinuousClock.now - began < .milliseconds(500) { await Task.yield() }
        reports.task.cancel()
        _ = await reports.count
        // Every other look is one of the interval; each is work for the family and for its leftovers.
        let passed = Int((ContinuousClock.now - began) / .milliseconds(50))
        #expect(ipv4.with { $0.dueWork } <= 4 * (passed + 1))
    }

    @Test(
        "While work waits for the lock of legacy tables it is looked at, and only then",
        .timeLimit(.minutes(10)),
        arguments: [false, true]
    )
    func lockedOut(_ isOfLeftovers: Bool) async throws {
        let dataplane = try await dataplane()
        let alarm = try Alarm()
        for kernel in [ipv4, ipv6] {
            kernel.with { ($0.announcesAll, $0.announcements) = (true, [alarm.descriptor]) }
        }
        let nothing = SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .some([]))
        let reports = Reports(dataplane, every: .seconds(3600))
        var next = reports.stream.makeAsyncIterator()
        await dataplane.answer()
        let error = DataplaneError(kind: .locked, operation: "flock", subject: "", errno: 11)
        ipv4.with {
            $0.isLockHeld = true
            if isOfLeftovers { ($0.leftovers, $0.retireFailure) = (1, error) }
        }
        ipv6.with { if !isOfLeftovers { $0.error = error } }
        #expect(await !dataplane.look().isUnlocked)
        #expect(ipv4.with { $0.lockLooks } == 0)
        _ = await dataplane.pass(nothing, .full)
        // The watch itself waits for an hour.
        while ipv4.with({ $0.lockLooks }) < 3 { await Task.yield() }
        #expect(await !dataplane.look().isUnlocked)
        ipv4.with { $0.isLockHeld = false }
        #expect(await next.next() != nil)
        #expect(await dataplane.look().isUnlocked)
        // What waited goes on now.
        let looks = ipv4.with { $0.lockLooks }
        #expect(await !dataplane.look().isUnlocked)
        for kernel in [ipv4, ipv6] { kernel.with { ($0.error, $0.retireFailure) = (nil, nil) } }
        _ = await dataplane.pass(nothing, .full)
        #expect(await !dataplane.look().isUnlocked)
        #expect(ipv4.with { $0.lockLooks } == looks)
        reports.task.cancel()
    }
}
