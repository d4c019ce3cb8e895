import Glibc
import SystemCalls
import Testing

@Suite("Progress of a thread")
struct ThreadProgressTests {
    @Test("Steps and processor time of the attached thread count, those of others do not")
    func attached() async throws {
        let progress = ThreadProgress()
        #expect(progress.sign == ThreadProgress.Sign(steps: 0, work: .zero))
        // Does nothing on a thread that is not attached.
        ThreadProgress.step()
        // A thread that is attached must not end: it waits for good.
        let done = AsyncStream<Void>.makeStream()
        Task.detached {
            _ = try await onOwnThread {
                progress.attach()
                let before = ThreadTime.now
                while ThreadTime.now - before < .milliseconds(30) {}
                ThreadProgress.step()
                ThreadProgress.step()
                done.continuation.yield()
                while true { pause() }
            }
        }
        for await _ in done.stream { break }
        ThreadProgress.step()
        #expect(progress.sign.steps == 2)
        #expect(progress.sign.work >= .milliseconds(30))
    }
}
