import Glibc
import SystemCalls

/// One dedicated thread that runs the jobs of an actor, one after the other.
///
/// Kernel calls block, a network namespace belongs to a thread, and libiptc keeps its error state
/// in a process-wide variable: so all of it happens here and nowhere else.
package final class DataplaneThread: SerialExecutor {
    // @unchecked: `jobs` is only touched with `lock` held, which `condition` belongs to.
    // @safe: both are allocated here and live as long as the process, as does its thread.
    @safe
    private final class Queue: @unchecked Sendable {
        private var jobs: [UnownedJob] = []
        private let lock: UnsafeMutablePointer<pthread_mutex_t>
        private let condition: UnsafeMutablePointer<pthread_cond_t>

        init() {
            unsafe lock = .allocate(capacity: 1)
            unsafe condition = .allocate(capacity: 1)
            unsafe pthread_mutex_init(lock, nil)
            unsafe pthread_cond_init(condition, nil)
        }

        func append(_ job: UnownedJob) {
            unsafe pthread_mutex_lock(lock)
            jobs.append(job)
            unsafe pthread_cond_signal(condition)
            unsafe pthread_mutex_unlock(lock)
        }

        func next() -> UnownedJob {
            unsafe pthread_mutex_lock(lock)
            defer { unsafe pthread_mutex_unlock(lock) }
            while jobs.isEmpty { unsafe pthread_cond_wait(condition, lock) }
            return jobs.removeFirst()
        }
    }

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
