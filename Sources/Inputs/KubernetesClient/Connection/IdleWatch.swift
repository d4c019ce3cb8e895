import Synchronization

/// When the server last sent something, and how long it may be silent.
final class Activity: Sendable {
    private let state: Mutex<(last: Duration, limit: Duration, bytes: Int)>
    private let time: Timebase

    init(_ time: Timebase, limit: Duration) {
        self.time = time
        state = Mutex((time.now, limit, 0))
    }

    /// Records received data, with the number of body bytes.
    func note(bytes: Int = 0) {
        let now = time.now
        state.withLock { state in
            state.last = now
            state.bytes += bytes
        }
    }

    /// Body bytes received so far.
    var bytes: Int { state.withLock { $0.bytes } }

    /// Extends the idle limit from now on.
    func extend(to limit: Duration) {
        let now = time.now
        state.withLock { $0 = (now, max($0.limit, limit), $0.bytes) }
    }

    var limit: Duration { state.withLock { $0.limit } }

    fileprivate var remaining: Duration {
        let now = time.now
        return state.withLock { $0.last + $0.limit } - now
    }

    /// Runs `body`, and cancels it with `IdleTimeout` after too long a silence.
    func guarding<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await body() }
            group.addTask {
                while true {
                    let left = self.remaining
                    guard left > .zero else { throw IdleTimeout(limit: self.limit) }
                    try await self.time.sleep(for: left)
                }
            }
            defer { group.cancelAll() }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }
}

/// The server was silent for too long: it may have died without closing the connection.
struct IdleTimeout: Error, CustomStringConvertible {
    var limit: Duration

    var description: String { "no data for \(limit)" }
}
