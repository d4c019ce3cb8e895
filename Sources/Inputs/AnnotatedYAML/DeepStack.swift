import Glibc

/// Runs work that recurses further than an ordinary thread's stack allows (8 MiB for the main
/// thread, 512 KiB for those that Dispatch makes).
enum DeepStack {
    /// Address space; memory is used as far as the work recurses.
    private static let bytes = 1 << 30

    private final class Job<Value> {
        let work: () -> Value
        var value: Value?

        init(_ work: @escaping () -> Value) { self.work = work }
    }

    /// What `work` returns, on a thread of its own, which the caller waits for. Nil if there can be no
    /// such thread.
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

    /// The closure stays where it is until the thread has ended.
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
