import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import HTTPServing
import Planning
import Reconciling
import ServiceModel
import Testing

@testable import Observability

@Suite("Socket level, as seen from outside")
struct SocketLevelTests {
    private func daemon() -> ObservedDaemon {
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        configuration.socketLB.scope = .all
        return ObservedDaemon(configuration)
    }

    private func metrics(_ daemon: ObservedDaemon) async -> String {
        await daemon.view.metricsPages.answer(HTTPRequest(path: "/metrics")).body
    }

    private static let use = SocketUse(
        cgroup: "/sys/fs/cgroup",
        attached: ["connect4", "getpeername4"],
        maps: [
            SocketUse.Map(name: "frontends", entries: 3, capacity: 4096),
            SocketUse.Map(name: "slots", entries: 5, capacity: 16384),
        ],
        foreign: ["connect4: sd_fw (id 12)"]
    )

    @Test("Status has programs, maps and strangers; metrics have their numbers")
    func shown() async {
        var daemon = daemon()
        daemon.pass(ServiceSnapshot()) { report in
            var outcome = PassReport.SocketOutcome()
            outcome.report = FamilyPassReport(drift: 2)
            outcome.report?.operationsByObject = [.frontend: 3, .program: 1]
            outcome.use = Self.use
            outcome.use?.excludedCgroups = 3
            outcome.use?.overflows = SocketUse.Overflows(memory: 2, udpSockets: 4)
            outcome.use?.failure = "/c: bpf(BPF_PROG_QUERY) failed: no (errno 1)"
            report.families[0].sockets = outcome
        }
        let text = await daemon.view.status().text
        #expect(
            text.contains(
                """
                sockets    IPv4, all: connect4 getpeername4 at /sys/fs/cgroup
                  frontends 3 of 4096, slots 5 of 16384
                  left out: 3 cgroups
                  left to the rules for lack of room: memory 2, udp_sockets 4
                  also there: connect4: sd_fw (id 12)
                  not all is known: /c: bpf(BPF_PROG_QUERY) failed: no (errno 1)
                """
            ),
            "\(text)"
        )
        let page = await metrics(daemon)
        for line in [
            "programs_attached{ip_family=\"IPv4\"} 2", "foreign_programs{ip_family=\"IPv4\"} 1",
            "map_entries{map=\"slots\",ip_family=\"IPv4\"} 5",
            "map_capacity{map=\"slots\",ip_family=\"IPv4\"} 16384",
            "operations_total{object=\"frontend\",ip_family=\"IPv4\"} 3",
            "overflows_total{room=\"udp_sockets\",ip_family=\"IPv4\"} 4",
            "drift_repaired_total{ip_family=\"IPv4\"} 2", "failures_total{ip_family=\"IPv4\"} 0",
        ] {
            #expect(page.contains("fairlead_socket_\(line)\n"), "\(line)")
        }
        // Switched off, nothing is claimed any more.
        daemon.pass(ServiceSnapshot())
        #expect(await !metrics(daemon).contains("fairlead_socket_map_entries{"))
        #expect(await !daemon.view.status().text.contains("sockets "))
    }

    @Test("Between passes, status and metrics have what was found last")
    func looked() async {
        var daemon = daemon()
        daemon.pass(ServiceSnapshot()) { report in
            report.families[0].sockets = PassReport.SocketOutcome()
            report.families[0].sockets?.use = Self.use
        }
        var use = Self.use
        use.maps[1].entries = 6
        use.overflows.flows = 7
        use.excludedCgroups = 2
        use.foreign = []
        daemon.turn.socketUses = [.ipv4: use]
        daemon.observe()
        let text = await daemon.view.status().text
        for words in ["slots 6 of 16384", "left out: 2 cgroups", "lack of room: flows 7"] {
            #expect(text.contains(words), "\(text)")
        }
        #expect(!text.contains("also there"), "\(text)")
        let page = await metrics(daemon)
        for line in [
            "map_entries{map=\"slots\",ip_family=\"IPv4\"} 6",
            "overflows_total{room=\"flows\",ip_family=\"IPv4\"} 7",
            "foreign_programs{ip_family=\"IPv4\"} 0",
        ] {
            #expect(page.contains("fairlead_socket_\(line)\n"), "\(line)")
        }
    }

    @Test("A failure is an issue of its own, logged once, and fails no pass")
    func failing() async {
        var daemon = daemon()
        _ = daemon.takeLines()
        var lines: [String] = []
        for _ in 0..<2 {
            daemon.pass(ServiceSnapshot()) { report in
                report.families[0].sockets = PassReport.SocketOutcome(
                    error: DataplaneError(
                        kind: .unsupported,
                        operation: "statfs",
                        subject: "/b",
                        errno: 22,
                        message: "not on a bpf file system"
                    )
                )
            }
            lines += daemon.takeLines().filter { $0.contains("Socket level") }
        }
        let problem =
            "IPv4: /b: statfs failed: not on a bpf file system (errno 22); programs that are attached go on as they were"
        #expect(
            lines == [
                "warning Socket level problem, will retry problem=\(problem)"
            ]
        )
        let text = await daemon.view.status().text
        #expect(text.contains("issues     1\n  socket level: \(problem)"), "\(text)")
        #expect(text.contains(", 0 failed"))
        let page = await metrics(daemon)
        #expect(page.contains("fairlead_socket_failures_total{ip_family=\"IPv4\"} 2\n"))
        #expect(page.contains("fairlead_issues{kind=\"socket level\"} 1\n"))
    }
}
