import Synchronization

/// The value of `body`, or nil after `limit`; `body` then continues unobserved.
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

/// Resumes a continuation with the first value.
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
