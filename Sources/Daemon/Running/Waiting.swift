import Dispatch
import Synchronization

/// What `body` returns, while the calling thread waits for it.
///
/// For commands: they run on the main thread, which may have to enter a namespace later and so must not
/// be one of those that tasks share. Not to be called by a task: where there is one processor, no other
/// thread would be left to run `body`.
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
