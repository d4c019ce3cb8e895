import Dispatch
import Synchronization

/// Waits on the calling thread for `body`; returns or throws what it does.
///
/// For commands: they run on the main thread, which may have to enter a namespace later and so cannot be
/// one of the threads that tasks share. Not for tasks: with one processor, no other thread would be left
/// to run `body`.
package func waiting<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
) throws -> Value {
    let done = DispatchSemaphore(value: 0)
    let result = Mutex<Result<Value, any Error>?>(nil)
    Task.detached {
        do {
            let value = try await body()
            result.withLock { $0 = .success(value) }
        } catch {
            result.withLock { $0 = .failure(error) }
        }
        done.signal()
    }
    while true {
        done.wait()
        if let result = result.withLock({ $0 }) { return try result.get() }
    }
}
