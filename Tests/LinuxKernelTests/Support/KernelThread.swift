import Dispatch
import Glibc
import HostFacts

/// All tests that touch the kernel, one at a time and on one thread: a network namespace belongs
/// to a thread, and libiptc keeps process-global state.
///
/// No test sees what another left: a job that changes the thread's namespace is followed by a new one. The
/// initializer of a suite is a job of its own, and other tests come between it and the suite's function, so
/// tests enter their namespace in the function itself.
@globalActor
actor KernelThread {
    static let shared = KernelThread()

    private nonisolated let executor = SingleThreadExecutor()

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }
}

/// Runs jobs in order on a thread of its own, which lives as long as the process, and keeps each from the
/// network namespace of those before it.
private final class SingleThreadExecutor: SerialExecutor {
    private let jobs = JobQueue()

    init() {
        let context = Unmanaged.passRetained(jobs).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, { runJobs($0) }, context)
        precondition(result == 0, "pthread_create: \(result)")
        pthread_detach(thread)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        jobs.append(UnownedJob(job), for: asUnownedSerialExecutor())
    }
}

private func runJobs(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let jobs = Unmanaged<JobQueue>.fromOpaque(context).takeRetainedValue()
    var namespace = namespaceNumber()
    while true {
        jobs.runNext()
        if namespaceNumber() == namespace { continue }
        do {
            try NetworkNamespace.enterNew()
        } catch {
            // The next test would work on this one's objects.
            fatalError("\(error)")
        }
        namespace = namespaceNumber()
    }
}

/// Of the calling thread's network namespace.
private func namespaceNumber() -> ino_t {
    var status = stat()
    let path = "/proc/thread-self/ns/net"
    guard stat(path, &status) == 0 else { fatalError("\(path): errno \(errno)") }
    return status.st_ino
}

/// @unchecked Sendable because `waiting` is only touched under `lock`.
private final class JobQueue: @unchecked Sendable {
    private let lock = DispatchSemaphore(value: 1)
    private let available = DispatchSemaphore(value: 0)
    private var waiting: [(UnownedJob, UnownedSerialExecutor)] = []

    func append(_ job: UnownedJob, for executor: UnownedSerialExecutor) {
        lock.wait()
        waiting.append((job, executor))
        lock.signal()
        available.signal()
    }

    func runNext() {
        available.wait()
        lock.wait()
        let (job, executor) = waiting.removeFirst()
        lock.signal()
        job.runSynchronously(on: executor)
    }
}
