import Glibc

/// Runs work whose recursion needs more than an ordinary thread's stack (8 MiB for the main thread,
/// 512 KiB for Dispatch's threads).
enum DeepStack {
    /// Address space; memory is only used as deep as the recursion goes.
    private static let bytes = 1 << 30

    private final class Job<Value> {
        let work: () -> Value
        var value: Value?

        init(_ work: @escaping () -> Value) { self.work = work }
    }

    /// Runs `work` on a thread of its own and waits for its result. Nil if no such thread can be
    /// created.
    static func run<Value>(_ work: () -> Value) -> Value? {
        withoutActuallyEscaping(work) { work in
            let job = Job(work)
            let start: () -> Void = { job.value = job.work() }
            let hasRun = unsafe withUnsafePointer(to: start) {
                unsafe startAndWait(UnsafeRawPointer($0))
            }
            guard hasRun else { return nil }
            return job.value
        }
    }

    /// The closure is not moved until the thread has ended.
    private static func startAndWait(_ closure: UnsafeRawPointer) -> Bool {
        var attributes = pthread_attr_t()
        guard unsafe pthread_attr_init(&attributes) == 0 else { return false }
        defer { unsafe pthread_attr_destroy(&attributes) }
        guard unsafe pthread_attr_setstacksize(&attributes, bytes) == 0 else { return false }
        var thread = pthread_t()
        let failure = unsafe pthread_create(
            &thread,
            &attributes,
            { argument in
                unsafe argument?.assumingMemoryBound(to: (() -> Void).self).pointee()
                return nil
            },
            unsafe UnsafeMutableRawPointer(mutating: closure)
        )
        return failure == 0 && pthread_join(thread, nil) == 0
    }
}
