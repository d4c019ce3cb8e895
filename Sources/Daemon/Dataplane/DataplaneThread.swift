import Glibc
import SystemCalls
import SystemPackage

/// One dedicated thread that runs the jobs of an actor, one after the other, and waits for descriptors
/// between them.
///
/// Kernel calls block, a network namespace belongs to a thread, and libiptc keeps its error state
/// in a process-wide variable: so all of it happens here and nowhere else.
package final class DataplaneThread: SerialExecutor {
    // @unchecked: jobs and watch are only touched with `lock` held.
    // @safe: the lock is allocated here and lives as long as the process, as does its thread.
    @safe
    private final class Queue: @unchecked Sendable {
        private var jobs: [UnownedJob] = []
        /// The thread waits for `alarm`, and nothing has been written there yet.
        private var isAsleep = false
        private var watch: Watch?
        /// The next watch ends at once: its task was cancelled before it began.
        private var isCancelled = false
        private let lock: UnsafeMutablePointer<pthread_mutex_t>
        private let alarm: Alarm

        init() {
            unsafe lock = .allocate(capacity: 1)
            unsafe pthread_mutex_init(lock, nil)
            do throws(Errno) {
                alarm = try Alarm()
            } catch {
                preconditionFailure("no sockets for the dataplane: \(error)")
            }
        }

        private func locked<Value>(_ body: () -> Value) -> Value {
            unsafe pthread_mutex_lock(lock)
            defer { unsafe pthread_mutex_unlock(lock) }
            return body()
        }

        func append(_ job: UnownedJob) {
            wake {
                jobs.append(job)
                return true
            }
        }

        func begin(_ new: Watch) {
            wake {
                watch = new
                if isCancelled { watch?.end = 0 }
                isCancelled = false
                return true
            }
        }

        /// Ends the watch, or the next one.
        func cancelWatch() {
            wake {
                isCancelled = watch == nil
                watch?.end = 0
                return watch != nil
            }
        }

        /// Wakes the thread if it is asleep and `change` gives it something to do.
        private func wake(_ change: () -> Bool) {
            let wakes = locked {
                guard change(), isAsleep else { return false }
                isAsleep = false
                return true
            }
            if wakes { alarm.set() }
        }

        /// For the thread alone.
        func next() -> UnownedJob {
            while true {
                let (job, ended, present) = locked { () -> (UnownedJob?, Watch?, Watch?) in
                    if !jobs.isEmpty { return (jobs.removeFirst(), nil, nil) }
                    if let watch, watch.isOver {
                        self.watch = nil
                        return (nil, watch, nil)
                    }
                    isAsleep = true
                    return (nil, nil, watch)
                }
                if let job { return job }
                if let ended {
                    // Makes a job for this thread.
                    ended.continuation.resume(returning: false)
                    continue
                }
                sleep(present)
            }
        }

        /// Until a job comes, or the watch sees something or is over.
        private func sleep(_ present: Watch?) {
            var files = [pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0)]
            for number in present?.descriptors ?? [] {
                files.append(pollfd(fd: number, events: Int16(POLLIN), revents: 0))
            }
            let limit = present?.millisecondsLeft ?? -1
            let count = unsafe poll(&files, nfds_t(files.count), limit)
            locked { isAsleep = false }
            guard count > 0 else { return }
            if files[0].revents != 0 { alarm.clear() }
            guard files.dropFirst().contains(where: { $0.revents != 0 }) else { return }
            let seen = locked {
                defer { watch = nil }
                return watch
            }
            seen?.continuation.resume(returning: true)
        }
    }

    /// What the thread waits for besides jobs.
    private struct Watch {
        let descriptors: [Int32]
        /// On the monotonic clock, in nanoseconds.
        var end: Int64
        let continuation: CheckedContinuation<Bool, Never>

        static var now: Int64 {
            var time = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &time)
            return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        }

        var isOver: Bool { end <= Self.now }

        /// Rounded up, so that the watch is over then.
        var millisecondsLeft: Int32 {
            Int32(clamping: (max(0, end - Self.now) + 999_999) / 1_000_000)
        }
    }

    /// Resumes `continuation` on this thread when one of the descriptors can be read or has an error to
    /// report, with true, and after `limit` with false; the thread does other jobs meanwhile. For one at a time.
    ///
    /// A descriptor that is closed meanwhile counts as one to be read.
    func wait(
        for descriptors: [Int32],
        limit: Duration,
        _ continuation: CheckedContinuation<Bool, Never>
    ) {
        let (seconds, attoseconds) = limit.components
        let (nanoseconds, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let length = overflows ? Int64.max / 2 : nanoseconds + attoseconds / 1_000_000_000
        queue.begin(
            Watch(
                descriptors: descriptors,
                end: Watch.now.addingReportingOverflow(length).partialValue,
                continuation: continuation
            )
        )
    }

    /// Ends the present wait, or the next one at once.
    func cancelWait() { queue.cancelWatch() }

    private let queue = Queue()
    private let name: String

    /// Starts the thread; it lives as long as the process. `name` is what tools call it: the
    /// kernel names the thread that writes, not its process, where `nft monitor` says who did.
    /// The kernel keeps 15 bytes of it.
    package init(name: String) {
        final class Start {
            let executor: DataplaneThread
            init(_ executor: DataplaneThread) { self.executor = executor }
        }
        self.name = name
        var thread = pthread_t()
        let start = unsafe Unmanaged.passRetained(Start(self)).toOpaque()
        let status = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                // The reference was retained for this thread, which never releases the executor.
                guard let argument = unsafe argument else { return nil }
                let executor = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                    .executor
                executor.setName()
                while true {
                    unsafe executor.queue.next().runSynchronously(
                        on: executor.asUnownedSerialExecutor()
                    )
                }
            },
            unsafe start
        )
        precondition(status == 0, "no thread for the dataplane: error \(status)")
        pthread_detach(thread)
    }

    /// Of the calling thread. Where /proc is missing it keeps the name of the one that started it.
    private func setName() {
        try? WholeFile.write(Array(name.utf8), to: "/proc/thread-self/comm")
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        queue.append(UnownedJob(job))
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }
}
