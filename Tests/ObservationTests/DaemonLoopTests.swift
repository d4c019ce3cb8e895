import Addressing
import DaemonConfiguration
import Dataplane
import HTTPServing
import Reconciling
import Testing

@testable import fairlead

@Suite("The daemon's loop", .timeLimit(.minutes(1)))
struct DaemonLoopTests {
    @Test("A confirmation still queued at the stop, and one that comes later, are answered")
    func confirmationAtStop() async {
        let request = HTTPRequest(method: "POST", path: "/confirm")
        // Which of the two is first differs from round to round.
        for _ in 0..<200 {
            let (events, queue) = AsyncStream.makeStream(of: Daemon.Event.self)
            let telemetry = DaemonTelemetry(DaemonConfiguration(), families: [.ipv4])
            telemetry.onConfirm { await EventAnswers.confirm(queue) }
            let asked = Task { await telemetry.statusPages.answer(request) }
            await Task.yield()
            await EventAnswers.close(events, queue)
            #expect(await asked.value.status == 503)
            #expect(await telemetry.statusPages.answer(request).status == 503)
        }
    }

    @Test("A wait is reported once when it has lasted, and again when it is for something else")
    func waiting() {
        var notice = WaitingNotice()
        let start = ContinuousClock.now
        func report(_ reason: String?, _ seconds: Int) -> String? {
            notice.report(reason, at: start.advanced(by: .seconds(seconds)))
        }
        #expect(report("an API server", 0) == nil)
        #expect(report("an API server", 2) == nil)
        #expect(report("an API server", 3) == "an API server")
        #expect(report("an API server", 60) == nil)
        #expect(report("the Node object", 61) == "the Node object")
        #expect(report("the Node object", 90) == nil)
        #expect(report(nil, 91) == nil)
        #expect(report("an API server", 92) == nil)
        #expect(report("an API server", 95) == "an API server")
    }

    @Test("Each family that is served is looked at once in the resync interval", arguments: 1...2)
    func resync(_ families: Int) {
        var configuration = DaemonConfiguration()
        configuration.reconcile.fullResyncInterval = .seconds(300)
        let before = ContinuousClock.now
        var scheduler = Daemon.scheduler(configuration, families: families)
        let now = ContinuousClock.now
        scheduler.completed(.full, at: now, duration: .zero, outcome: .succeeded)
        let wait = scheduler.nextWake - now
        #expect(wait <= .seconds(300) / families)
        #expect(wait >= .seconds(300) / families - (now - before))
    }
}
