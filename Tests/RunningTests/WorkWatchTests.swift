import SystemCalls
import Testing

@testable import Running

@Suite("Signs of work")
struct WorkWatchTests {
    private let start = ContinuousClock.now

    private func sign(_ steps: UInt64, _ milliseconds: Int) -> ThreadProgress.Sign {
        ThreadProgress.Sign(steps: steps, work: .milliseconds(milliseconds))
    }

    @Test("Steps always count, computing for ten intervals, and waiting not at all")
    func judgement() {
        var watch = WorkWatch(sign(7, 0), watchdog: .seconds(30), at: start)
        func getsOn(_ steps: UInt64, _ work: Int, after seconds: Int) -> Bool {
            watch.getsOn(sign(steps, work), at: start + .seconds(seconds))
        }
        #expect(!getsOn(7, 0, after: 1))
        #expect(getsOn(7, 900, after: 2))
        #expect(!getsOn(7, 900, after: 3))
        #expect(getsOn(7, 290_000, after: 299))
        #expect(!getsOn(7, 300_000, after: 300))
        #expect(getsOn(8, 300_000, after: 4000))
        #expect(getsOn(8, 500_000, after: 4299))
        #expect(!getsOn(8, 600_000, after: 4300))
    }

    @Test("It is looked at four times in an interval, and each second at least")
    func interval() {
        #expect(WorkWatch.interval(watchdog: .seconds(2)) == .milliseconds(500))
        #expect(WorkWatch.interval(watchdog: .seconds(30)) == .seconds(1))
        #expect(WorkWatch.interval(watchdog: nil) == .seconds(1))
    }
}
