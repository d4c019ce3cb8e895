import Glibc
import SystemCalls
import Testing

@Suite("A thread of its own")
struct OwnThreadTests {
    private struct Failure: Error {}

    @Test("Values and errors come back, from another thread each time")
    func result() async throws {
        let main = await MainActor.run { pthread_self() }
        for _ in 0..<100 {
            #expect(try await onOwnThread { pthread_self() } != main)
        }
        await #expect(throws: Failure.self) {
            try await onOwnThread { throw Failure() }
        }
    }
}
