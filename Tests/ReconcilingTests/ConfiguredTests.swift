import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Testing

@testable import Reconciling

@Suite("Settings and notices")
struct ConfiguredTests {
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
        let now = ContinuousClock.now
        var scheduler = PassScheduler(configuration, families: families, start: now)
        scheduler.completed(.full, at: now, work: .zero, outcome: .succeeded)
        #expect(scheduler.nextWake - now == .seconds(300) / families)
        configuration.socketLB.scope = .node
        scheduler = PassScheduler(configuration, families: families, start: now)
        scheduler.completed(.full, at: now, work: .zero, outcome: .succeeded)
        #expect(scheduler.nextWake - now == .seconds(300) / (2 * families))
    }
}
