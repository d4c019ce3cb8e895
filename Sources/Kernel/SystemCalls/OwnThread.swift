import Glibc
import SystemPackage

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

private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Runs `body` on a new thread that ends with it.
func startThread(_ body: @escaping @Sendable () -> Void) throws(Errno) {
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
    pthread_detach(thread)
}
