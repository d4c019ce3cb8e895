import Foundation

/// Runs `body` on a new thread that ends with it; returns or throws what it does. `body` may block, and
/// may leave the thread in a state that nothing else should run in.
package func onOwnThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
