import KubernetesClient
import Logging
import Testing

@testable import Observability
@testable import Reconciling

/// What log and cluster report of the removal guard.
@Suite("Report of the removal guard")
struct HoldReportTests {
    private let start = ContinuousClock.now

    private func hold(_ services: Int, deleted: Int = 0) -> MassRemovalGuard.Hold {
        MassRemovalGuard.Hold(
            since: start,
            until: start.advanced(by: .seconds(600)),
            services: services,
            deleted: deleted,
            total: 20
        )
    }

    private func ending(_ reason: MassRemovalGuard.Ending.Reason) -> MassRemovalGuard.Ending {
        MassRemovalGuard.Ending(
            reason: reason,
            lasted: .seconds(12),
            held: 17,
            returned: 15,
            deleted: 0,
            released: 2
        )
    }

    @Test("One line and one Event for a hold, whatever its number, and one of each at its end")
    func wholeLife() {
        var report = HoldReport()
        let nothing = report.update(nil, after: [])
        #expect(nothing.lines.isEmpty && nothing.events.isEmpty)
        var lines: [LogLine] = []
        var events: [ClusterEvent] = []
        for services in 11...17 {
            for _ in 0..<3 {
                let news = report.update(hold(services), after: [])
                lines += news.lines
                events += news.events
            }
        }
        #expect(lines.count == 1)
        #expect(lines[0].level == .warning)
        #expect(lines[0].metadata["missing"] == "11")
        #expect(lines[0].message.contains("missing at once without having been deleted"))
        // The same Event is a series; only changes of the number count in it.
        #expect(events.count == 7 && Set(events).count == 1)
        let end = report.update(nil, after: [ending(.recovered)])
        #expect(end.lines.map(\.message).joined().contains("the source has them again"))
        #expect(end.lines[0].metadata["removed"] == "2")
        #expect(end.events.map(\.reason) == ["RemovalsReleased"])
        let again = report.update(hold(12), after: [])
        #expect(again.lines.count == 1 && Set(again.events) == Set(events))
        // One ends and the next begins.
        let next = report.update(hold(13, deleted: 13), after: [ending(.expired)])
        #expect(next.lines.count == 2 && next.events.count == 2)
        #expect(next.lines[1].message.contains("were deleted"))
    }

    @Test("Status says what is held, why and for how long")
    func words() {
        let now = start.advanced(by: .seconds(13))
        #expect(
            hold(13).words(at: now)
                == "holds 13 of 20 Services, 13 missing from their source without having been deleted; ends when they are back, on `fairlead confirm`, or in 587 s"
        )
        #expect(
            hold(13, deleted: 13).words(at: now)
                == "holds 13 of 20 Services, 13 deleted; ends when they are back, on `fairlead confirm`, or in 587 s"
        )
    }
}
