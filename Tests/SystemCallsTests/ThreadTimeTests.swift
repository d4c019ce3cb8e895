import Glibc
import SystemCalls
import Testing

@Suite("Processor time of a thread")
struct ThreadTimeTests {
    @Test("It grows with work, and a sleep is none")
    func workAndSleep() {
        let start = ThreadTime.now
        usleep(50_000)
        let afterSleep = ThreadTime.now
        #expect(afterSleep - start < .milliseconds(50))
        while ThreadTime.now - afterSleep < .milliseconds(5) {}
        #expect(ThreadTime.now > afterSleep)
    }
}
