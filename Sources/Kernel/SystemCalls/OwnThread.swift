import Glibc
package import SystemPackage

/// Runs `body` on a new thread that ends with it; returns or throws what it does. `body` may block, and
/// may leave the thread in a state that nothing else should run in.
///
/// - Throws: also `Errno` if no thread can be started; `body` has not run then.
package func onOwnThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        do throws(Errno) {
            try startThread { continuation.resume(with: Result { try body() }) }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// Runs `body` on a new thread, waits until the thread has ended, and returns what `body` did. Nothing else ever
/// runs there, so that `body` may leave the thread in another network namespace, if it starts no threads and
/// resumes no task: they would be in that namespace, too.
///
/// - Throws: if no thread can be started; `body` has not run then.
package func waitingForOwnThread<Value: Sendable>(
    _ body: @escaping @Sendable () -> Value
) throws(Errno) -> Value {
    let answer = Answer<Value>()
    let thread = try makeThread { answer.value = body() }
    pthread_join(thread, nil)
    guard let value = answer.value else {
        preconditionFailure("the thread ended without an answer")
    }
    return value
}

// @unchecked: written by the thread before it ends, and read after that.
private final class Answer<Value: Sendable>: @unchecked Sendable {
    var value: Value?
}

private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Runs `body` on a new thread that ends with it.
func startThread(_ body: @escaping @Sendable () -> Void) throws(Errno) {
    pthread_detach(try makeThread(body))
}

private func makeThread(_ body: @escaping @Sendable () -> Void) throws(Errno) -> pthread_t {
    var thread = pthread_t()
    // Retained for the thread, which releases it.
    let work = unsafe Unmanaged.passRetained(Work(body))
    let failure = unsafe pthread_create(
        &thread,
        nil,
        { argument in
            if let argument = unsafe argument {
                unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
            }
            return nil
        },
        work.toOpaque()
    )
    guard failure == 0 else {
        unsafe work.release()
        throw Errno(rawValue: failure)
    }
    return thread
}
