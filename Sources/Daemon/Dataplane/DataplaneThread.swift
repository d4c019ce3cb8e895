import Glibc
import Synchronization
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
        /// The watch is to end, or the next one at once: its task may be cancelled before it begins.
        private var isEnding = false
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
                return true
            }
        }

        /// Ends the watch, or the next one.
        func endWatch() {
            wake {
                isEnding = true
                return watch != nil
            }
        }

        /// The watch has waited long enough. For the thread alone.
        func renewWait() {
            locked { watch?.wait(for: Wait(descriptors: [], limit: .zero)) }
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

        /// What the thread does next.
        private enum Task {
            case job(UnownedJob)
            case step(Watch)
            case end(Watch)
            case sleep(Watch?)
        }

        /// Returns the next job, after what the watch has to do before it. For the thread alone.
        func next() -> UnownedJob {
            while true {
                switch locked({ nextTask() }) {
                case .job(let job): return job
                case .step(let watch): step(watch, wasSeen: false)
                // May make a job for this thread.
                case .end(let watch): watch.ended.resume()
                case .sleep(let watch):
                    if let watch, sleep(watch.descriptors, watch.millisecondsLeft) {
                        step(watch, wasSeen: true)
                    } else if watch == nil {
                        _ = sleep([], -1)
                    }
                }
            }
        }

        /// With `lock` held.
        private func nextTask() -> Task {
            if !jobs.isEmpty { return .job(jobs.removeFirst()) }
            if let watch, isEnding {
                (self.watch, isEnding) = (nil, false)
                return .end(watch)
            }
            if let watch, watch.isOver { return .step(watch) }
            isAsleep = true
            return .sleep(watch)
        }

        private func step(_ watch: Watch, wasSeen: Bool) {
            let next = watch.step(wasSeen)
            // Only this thread takes a watch away.
            locked { self.watch?.wait(for: next) }
        }

        /// Until a job comes or the limit has passed; true if one of the descriptors could be read.
        private func sleep(_ descriptors: [Int32], _ limit: Int32) -> Bool {
            var files = [pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0)]
            for number in descriptors {
                files.append(pollfd(fd: number, events: Int16(POLLIN), revents: 0))
            }
            let count = unsafe poll(&files, nfds_t(files.count), limit)
            locked { isAsleep = false }
            guard count > 0 else { return false }
            if files[0].revents != 0 { alarm.clear() }
            return files.dropFirst().contains { $0.revents != 0 }
        }
    }

    /// What a watch waits for.
    struct Wait: Sendable {
        /// One that is closed meanwhile counts as one that can be read.
        var descriptors: [Int32]
        /// From now on.
        var limit: Duration
    }

    /// What the thread waits for besides jobs.
    private struct Watch: Sendable {
        private(set) var descriptors: [Int32] = []
        /// On the monotonic clock, in nanoseconds.
        private var end: Int64 = 0
        let step: @Sendable (_ wasSeen: Bool) -> Wait
        let ended: CheckedContinuation<Void, Never>

        init(
            _ first: Wait,
            _ step: @escaping @Sendable (_ wasSeen: Bool) -> Wait,
            _ ended: CheckedContinuation<Void, Never>
        ) {
            (self.step, self.ended) = (step, ended)
            wait(for: first)
        }

        mutating func wait(for next: Wait) {
            let (seconds, attoseconds) = next.limit.components
            let (nanoseconds, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            let length = overflows ? Int64.max / 2 : nanoseconds + attoseconds / 1_000_000_000
            descriptors = next.descriptors
            end = Self.now.addingReportingOverflow(length).partialValue
        }

        private static var now: Int64 {
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

    /// Calls `step` on this thread, between jobs, when one of the descriptors can be read or has an error to
    /// report, with true, and after the limit with false; it returns what to wait for next. `ended` is resumed
    /// after `endWatch`. One at a time.
    ///
    /// A task that waited here again and again would go through a thread of the shared pool each time: a
    /// continuation is not resumed on the thread of its actor.
    func watch(
        _ first: Wait,
        _ ended: CheckedContinuation<Void, Never>,
        _ step: @escaping @Sendable (_ wasSeen: Bool) -> Wait
    ) {
        queue.begin(Watch(first, step, ended))
    }

    /// Ends the present watch, or the next one at once.
    func endWatch() { queue.endWatch() }

    /// Has the watch say anew what it waits for, after the present job. For a job on this thread.
    func renewWait() { queue.renewWait() }

    private let queue = Queue()
    private let name: String
    /// 0 until it runs.
    private let number = Atomic<pthread_t>(0)
    /// How far the thread has got with its jobs.
    let progress = ThreadProgress()

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
                executor.number.store(pthread_self(), ordering: .relaxed)
                executor.progress.attach()
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

    /// For a watch's steps, which are no jobs but have the thread to themselves, too.
    package func checkIsolated() {
        precondition(number.load(ordering: .relaxed) == pthread_self(), "not on \(name)'s thread")
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }
}
