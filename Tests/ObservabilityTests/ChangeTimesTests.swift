import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import KubernetesClient
import Logging
import ServiceModel
import Telemetry
import Testing

@testable import Observability
@testable import Reconciling

@Suite("The times of a change")
struct ChangeTimesTests {
    private let start = Moment(instant: .now, wall: 0)

    private func at(_ microseconds: Int) -> Moment {
        start.advanced(by: .microseconds(microseconds))
    }

    private func arrival(taken: Int, _ times: ArrivalTimes?) -> Turn.Arrival {
        var arrival = Turn.Arrival(
            source: "cluster",
            update: SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .some([])),
            previous: ServiceSnapshot(),
            isDue: true,
            at: at(taken).instant
        )
        arrival.times = times
        return arrival
    }

    private func received(_ microseconds: Int, decoding: Int) -> ArrivalTimes {
        ArrivalTimes(received: at(microseconds).instant, decoding: .microseconds(decoding))
    }

    /// Begins after 400 µs.
    private func pass(failing: Bool = false) -> PassReport {
        var report = PassReport(kind: .incremental)
        report.began = at(400).instant
        var outcome = PassReport.FamilyOutcome(family: .ipv4)
        if failing {
            outcome.error = DataplaneError(
                kind: .other,
                operation: "send",
                subject: "table",
                errno: 5
            )
        } else {
            var done = FamilyPassReport(changedServices: 1)
            done.selecting = .microseconds(20)
            done.planning = .microseconds(50)
            done.applying = .microseconds(90)
            var sent = SendTimes()
            sent.sending = .microseconds(70)
            sent.acknowledging = .microseconds(5)
            done.sendTimes = sent
            outcome.report = done
        }
        report.families = [outcome]
        return report
    }

    private func daemon(_ level: Logger.Level) -> ObservedDaemon {
        ObservedDaemon(DaemonConfiguration(), logLevel: level)
    }

    private func timed(_ daemon: inout ObservedDaemon) -> [String] {
        daemon.takeLines().filter { $0.contains("Change timed") }
    }

    @Test("The debug log has each stage from the connection to the kernel")
    func stages() {
        var daemon = daemon(.debug)
        daemon.turn.arrivals = [
            arrival(taken: 130, received(0, decoding: 30)),
            arrival(taken: 300, received(200, decoding: 10)),
        ]
        daemon.observe(at: at(310))
        // One that comes during the pass is left to the next.
        daemon.turn.arrivals = [arrival(taken: 450, received(440, decoding: 1))]
        daemon.turn.pass = pass()
        daemon.observe(at: at(600))
        #expect(
            timed(&daemon) == [
                "debug Change timed acknowledge_us=5 apply_us=90 decode_us=40 deliver_us=90 diff_us=0"
                    + " observe_us=0 plan_us=30 queue_us=270 select_us=20 send_us=70 total_us=600"
            ]
        )
        var second = pass()
        second.began = at(700).instant
        daemon.turn.pass = second
        daemon.observe(at: at(900))
        #expect(timed(&daemon).first?.contains("queue_us=250") == true)
    }

    @Test("What a failed pass leaves is timed from its arrival on")
    func failure() {
        var daemon = daemon(.debug)
        daemon.turn.arrivals = [arrival(taken: 100, received(0, decoding: 10))]
        daemon.turn.pass = pass(failing: true)
        daemon.observe(at: at(500))
        #expect(timed(&daemon).isEmpty)
        daemon.turn.pass = pass()
        daemon.observe(at: at(800))
        #expect(timed(&daemon).first?.contains("total_us=800") == true)
    }

    @Test("Nothing is logged above debug, nor for a pass without changes")
    func silence() {
        var daemon = daemon(.info)
        daemon.turn.arrivals = [arrival(taken: 100, nil)]
        daemon.turn.pass = pass()
        daemon.observe(at: at(500))
        #expect(timed(&daemon).isEmpty)
        daemon = self.daemon(.debug)
        daemon.turn.pass = pass()
        daemon.observe(at: at(500))
        #expect(timed(&daemon).isEmpty)
    }
}
