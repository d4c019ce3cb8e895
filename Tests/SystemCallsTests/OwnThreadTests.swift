import Foundation
import SystemCalls
import Testing

@Suite("A thread of its own")
struct OwnThreadTests {
    private struct Failure: Error {}

    @Test("Values and errors come back, from another thread each time")
    func result() async throws {
        // A pthread_t comes back after the end of its thread, the kernel's number not soon.
        var threads: Set<String> = []
        for _ in 0..<100 {
            let thread = try await onOwnThread {
                try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
            }
            threads.insert(thread)
        }
        #expect(threads.count == 100)
        await #expect(throws: Failure.self) {
            try await onOwnThread { throw Failure() }
        }
    }
}
