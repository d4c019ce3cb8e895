import Glibc
import Synchronization
import SystemCalls
import Testing

@Suite("A thread that polls", .timeLimit(.minutes(10)))
struct PollingThreadTests {
    /// Ends the stream with the object that the thread's function refers to.
    private final class Witness: Sendable {
        let calls: AsyncStream<pthread_t>.Continuation

        init(_ calls: AsyncStream<pthread_t>.Continuation) { self.calls = calls }
        deinit { calls.finish() }
    }

    private func start() -> (thread: PollingThread, calls: AsyncStream<pthread_t>) {
        let (calls, continuation) = AsyncStream.makeStream(of: pthread_t.self)
        let witness = Witness(continuation)
        let thread = PollingThread(every: .milliseconds(1)) { witness.calls.yield(pthread_self()) }
        return (thread, calls)
    }

    @Test("All calls are on one thread, which ends when it is asked to")
    func stop() async {
        let (thread, calls) = start()
        var threads: Set<pthread_t> = []
        var count = 0
        for await caller in calls {
            threads.insert(caller)
            count += 1
            if count == 10 { thread.stop() }
        }
        #expect(threads.count == 1 && count >= 10)
    }

    @Test("It ends with its owner")
    func owner() async {
        var (thread, calls): (PollingThread?, AsyncStream<pthread_t>) = start()
        var count = 0
        for await _ in calls {
            count += 1
            if count == 3 { thread = nil }
        }
        #expect(thread == nil && count >= 3)
    }

    @Test("A wait ends early when it is woken, or by a descriptor, and only once by each")
    func wake() async throws {
        let (calls, continuation) = AsyncStream.makeStream(of: Void.self)
        let alarm = Mutex(try Alarm())
        let descriptor = alarm.withLock { $0.descriptor }
        // No test lasts that long.
        let wait = PollingThread.Wait(limit: .seconds(86_400), descriptor: descriptor)
        let count = Atomic(0)
        let thread = PollingThread(after: wait) {
            count.wrappingAdd(1, ordering: .relaxed)
            alarm.withLock { $0.clear() }
            continuation.yield()
            return wait
        }
        var iterator = calls.makeAsyncIterator()
        for end in [thread.wake, { alarm.withLock { $0.set() } }, thread.wake] {
            end()
            #expect(await iterator.next() != nil)
        }
        #expect(count.load(ordering: .relaxed) == 3)
    }

    @Test("An alarm can be read until it is cleared, however often it was set")
    func alarm() throws {
        let alarm = try Alarm()
        func isSet() -> Bool {
            var file = pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&file, 1, 0) == 1
        }
        #expect(!isSet())
        for _ in 0..<3 { alarm.set() }
        #expect(isSet())
        alarm.clear()
        #expect(!isSet())
        // More than the socket takes.
        for _ in 0..<10_000 { alarm.set() }
        #expect(isSet())
    }
}
