import Glibc
import Synchronization

/// Shows others that a thread gets on with its work.
///
/// The kernel's answers are counted, and processor time shows that it computes meanwhile. A thread that is stuck
/// in a call of the kernel has neither.
package final class ThreadProgress: Sendable {
    /// How far a thread has got.
    package struct Sign: Sendable, Equatable {
        /// Answers of the kernel, and parts of the work done.
        package var steps: UInt64
        /// Processor time.
        package var work: Duration

        package init(steps: UInt64, work: Duration) {
            (self.steps, self.work) = (steps, work)
        }
    }

    private let steps = Atomic<UInt64>(0)
    /// 0 until `attach`.
    private let thread = Atomic<pthread_t>(0)
    /// Since when the thread waits for another program, on the monotonic clock in nanoseconds; 0 if it does not.
    private let waiting = Atomic<UInt64>(0)
    private let isHurried = Atomic<Bool>(false)

    package init() {}

    /// Its value of a thread is the thread's `ThreadProgress`.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        // Fails beyond a thousand keys; then key 0 is someone else's.
        let status = unsafe pthread_key_create(&key, nil)
        precondition(status == 0, "no key for values of threads: error \(status)")
        return key
    }()

    /// Shows the progress of the calling thread from now on, which must live as long as the process.
    package func attach() {
        thread.store(pthread_self(), ordering: .relaxed)
        // Retained for good, as the thread never ends.
        unsafe pthread_setspecific(Self.key, Unmanaged.passRetained(self).toOpaque())
    }

    /// That of the calling thread; nil without `attach`.
    private static var current: ThreadProgress? {
        // Only `attach` sets it, to an object that is never released.
        guard let own = unsafe pthread_getspecific(key) else { return nil }
        return unsafe Unmanaged<ThreadProgress>.fromOpaque(own).takeUnretainedValue()
    }

    /// The calling thread has done a part of its work.
    package static func step() { current?.steps.wrappingAdd(1, ordering: .relaxed) }

    // MARK: - Waits for other programs

    /// Runs `body`, in which the calling thread waits for another program.
    package static func waiting<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let current = Self.current
        current?.waiting.store(nanoseconds, ordering: .relaxed)
        defer { current?.waiting.store(0, ordering: .relaxed) }
        return try body()
    }

    /// For how long the thread has waited for another program; nil if it does not.
    package var wait: Duration? {
        let since = waiting.load(ordering: .relaxed)
        return since == 0 ? nil : .nanoseconds(Self.nanoseconds - since)
    }

    /// From now on the thread waits for no other program, as its own is about to end.
    package func hurry() { isHurried.store(true, ordering: .relaxed) }

    /// Whether the calling thread is not to wait.
    package static var isHurried: Bool { current?.isHurried.load(ordering: .relaxed) ?? false }

    private static var nanoseconds: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// How far the thread has got by now.
    package var sign: Sign {
        Sign(steps: steps.load(ordering: .relaxed), work: work)
    }

    private var work: Duration {
        let thread = thread.load(ordering: .relaxed)
        var clock = clockid_t()
        var time = timespec()
        // The thread never ends, so its identifier stays valid.
        guard thread != 0, unsafe pthread_getcpuclockid(thread, &clock) == 0,
            unsafe clock_gettime(clock, &time) == 0
        else { return .zero }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
