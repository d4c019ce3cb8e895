import Synchronization

/// The value of `body` if it comes in time, else nil; `body` then goes on for itself.
func valueInTime<Value: Sendable>(
    _ limit: Duration,
    _ body: @escaping @Sendable () async -> Value
) async -> Value? {
    await withCheckedContinuation { (continuation: CheckedContinuation<Value?, Never>) in
        let first = FirstOnly(continuation)
        Task { first.resume(await body()) }
        Task {
            try? await Task.sleep(for: limit)
            first.resume(nil)
        }
    }
}

/// Resumes a continuation once, whoever comes first.
private final class FirstOnly<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value?, Never>?>

    init(_ continuation: CheckedContinuation<Value?, Never>) {
        self.continuation = Mutex(continuation)
    }

    func resume(_ value: Value?) {
        let waiting = continuation.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        waiting?.resume(returning: value)
    }
}
