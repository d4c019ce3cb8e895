import Addressing
import DataplaneModel
import Glibc
import HostFacts
import Synchronization
import SystemCalls
import Testing

@testable import XTables

@Suite("First use of a legacy table")
struct FirstUseTests {
    @Test("What another program makes at the same moment is asked for again, but not for ever")
    func attempts() {
        func attempt(_ results: [Int32]) -> (failure: Int32, calls: Int) {
            var left = results[...]
            let failure = FirstUse.attempt { left.removeFirst() }
            return (failure, results.count - left.count)
        }
        #expect(attempt([0]) == (0, 1))
        #expect(attempt([EEXIST, 0]) == (0, 2))
        #expect(attempt([EEXIST, EPERM, 0]) == (EPERM, 2))
        #expect(attempt([EEXIST, EEXIST, EEXIST, 0]) == (EEXIST, 3))
    }

    private final class Readers: Sendable {
        private let waiting = Mutex(0)

        /// Returns when both are here, or the other does not come.
        func meet() {
            waiting.withLock { $0 += 1 }
            let end = ContinuousClock.now + .seconds(10)
            while waiting.withLock({ $0 < 2 }), .now < end {}
        }
    }

    @Test("Threads that read a new table at the same moment succeed")
    func atOnce() async throws {
        for _ in 0..<200 {
            let namespace = try await onOwnThread {
                try NetworkNamespace.enterNew()
                return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            }
            defer { close(namespace) }
            let readers = Readers()
            let read: @Sendable () throws -> Void = {
                try NetworkNamespace.enter("/proc/self/fd/\(namespace)")
                readers.meet()
                _ = try TableFingerprint(of: .filter, .ipv4)
            }
            async let first: Void = onOwnThread(read)
            async let second: Void = onOwnThread(read)
            _ = try await (first, second)
        }
    }
}
