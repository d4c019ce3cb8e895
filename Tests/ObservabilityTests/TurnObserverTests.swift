import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import HTTPServing
import Logging
import Planning
import ServiceModel
import Telemetry
import Testing

@testable import Observability
@testable import Reconciling

/// What log, status and metrics make of turns.
@Suite("Observed turns")
struct TurnObserverTests {
    private static func daemon() -> ObservedDaemon {
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        return ObservedDaemon(configuration)
    }

    @Test("A manifest problem is logged once, and once that it is solved")
    func problems() {
        var daemon = Self.daemon()
        let issue = ObjectIssue(source: "a.yaml", line: 3, reason: "no port")
        var lines: [String] = []
        for issues in [[], [issue], [issue], [], [], [issue]] {
            daemon.turn.sourceIssues = issues
            daemon.observe()
            lines += daemon.takeLines()
        }
        #expect(
            lines == [
                "warning Manifest problem problem=a.yaml:3: no port",
                "notice Manifest problem solved problem=a.yaml:3: no port",
                "warning Manifest problem problem=a.yaml:3: no port",
            ]
        )
    }

    @Test("Equal words of two kinds are two problems")
    func kinds() {
        var log = ProblemLog()
        #expect(log.update(.manifest, ["x"]).map(\.message) == ["Manifest problem"])
        #expect(log.update(.service, ["x"]).map(\.message) == ["Service problem"])
        #expect(log.update(.manifest, []).map(\.message) == ["Manifest problem solved"])
        #expect(log.update(.service, ["x"]).isEmpty)
        #expect(
            log.update(.service, ["y"]).map(\.metadata) == [["problem": "y"], ["problem": "x"]]
        )
        for kind in [
            ProblemLog.Kind.cluster, .state, .health, .object, .leftover, .sockets,
        ] {
            #expect(log.update(kind, ["z"]).map(\.level) == [.warning])
            #expect(log.update(kind, []).map(\.level) == [.notice])
        }
    }

    @Test(
        "Refused reloads, fields that need a restart, manifests and state are issues of the status"
    )
    func issues() async {
        var daemon = Self.daemon()
        daemon.turn.configurationIssues = ["not reloaded: bad", "mode: at the next start"]
        daemon.turn.sourceIssues = [ObjectIssue(source: "/services.d", reason: "not there")]
        daemon.turn.stateIssues = ["/var/lib: read-only"]
        daemon.observe()
        let status = await daemon.view.status()
        #expect(
            status.issues.map { "\($0.kind): \($0.problem)" } == [
                "configuration: not reloaded: bad", "configuration: mode: at the next start",
                "source: /services.d: not there", "state: /var/lib: read-only",
            ]
        )
        let page = await daemon.view.metricsPages.answer(HTTPRequest(path: "/metrics")).body
        #expect(page.contains("fairlead_issues{kind=\"configuration\"} 2\n"))
    }

    @Test("A pass that repairs, retires or fails says so, with the cure")
    func passes() async {
        var daemon = Self.daemon()
        daemon.pass(ServiceSnapshot()) { report in
            report.families[0].report?.drift = 7
            report.families[0].report?.apply.operations = 7
            report.families[0].retired = 2
        }
        #expect(
            daemon.takeLines().map { $0.split(separator: " ").prefix(5).joined(separator: " ") }
                == [
                    "notice Removed objects of another", "warning Repaired objects changed by",
                    "info Pass done changed=0 conflicts=0",
                ]
        )
        #expect(daemon.view.health.verdict().isReady)
        daemon.pass(ServiceSnapshot()) { report in
            report.families[0].report = nil
            report.families[0].error = DataplaneError(
                kind: .notPermitted,
                operation: "commit",
                subject: "nat",
                errno: 1
            )
        }
        let lines = daemon.takeLines()
        #expect(
            lines.first?.hasPrefix("error Pass failed, will retry cure=This needs root") == true
        )
        let status = await daemon.view.status()
        #expect(status.passes == 2 && status.failedPasses == 1 && status.driftRepaired == 7)
        #expect(status.lastPass?.kind == "full" && status.lastPass?.succeeded == false)
    }

    @Test("A failure that repeats is said at growing intervals, another at once, and its end")
    func repeatedFailures() {
        var log = PassFailureLog()
        let start = ContinuousClock.now
        func lines(_ error: DataplaneError?, after seconds: Int) -> [String] {
            var report = PassReport(kind: .full)
            var outcome = PassReport.FamilyOutcome(family: .ipv4)
            outcome.error = error
            if error == nil { outcome.report = FamilyPassReport() }
            report.families = [outcome]
            return log.lines(report, at: start + .seconds(seconds)).map {
                "\($0.level) \($0.message) \($0.metadata["failures"] ?? "-") \($0.metadata["seconds"] ?? "-")"
            }
        }
        var locked = DataplaneError(
            kind: .locked,
            operation: "flock",
            subject: "/run/xtables.lock",
            errno: 11
        )
        var said: [Int: [String]] = [:]
        for second in stride(from: 0, through: 600, by: 5) {
            // Who holds it is no other failure.
            locked.message = "process \(second)"
            let found = lines(locked, after: second)
            if !found.isEmpty { said[second] = found }
        }
        #expect(
            said == [
                0: ["error Pass failed, will retry - -"],
                60: ["error Pass failed, will retry 13 60"],
                180: ["error Pass failed, will retry 37 180"],
                420: ["error Pass failed, will retry 85 420"],
            ]
        )
        var refused = locked
        refused.kind = .notPermitted
        #expect(lines(refused, after: 601) == ["error Pass failed, will retry 122 601"])
        #expect(lines(refused, after: 602) == [])
        #expect(lines(nil, after: 603) == ["notice Passes succeed again 123 603"])
        #expect(lines(nil, after: 604) == [])
        #expect(lines(locked, after: 605) == ["error Pass failed, will retry - -"])
    }

    @Test("A failure of the last pass promises nothing")
    func lastFailure() {
        var log = PassFailureLog()
        var report = PassReport(kind: .full)
        var outcome = PassReport.FamilyOutcome(family: .ipv4)
        outcome.error = DataplaneError(
            kind: .locked,
            operation: "flock",
            subject: "/run/xtables.lock",
            errno: 11
        )
        report.families = [outcome]
        report.isLast = true
        let lines = log.lines(report, at: .now)
        #expect(lines.map(\.level) == [.warning])
        #expect(
            lines.map(\.message) == ["Pass failed as the daemon is ending; the rules stay"]
        )
        #expect(lines.first?.metadata["error"]?.contains("/run/xtables.lock") == true)
    }

    @Test("A wait for the lock is said once, until a pass has got it")
    func lockWait() {
        let record = LogRecord()
        let lock = LockReport("/nowhere/lock", Logger(label: "test") { _ in record.handler })
        lock.waits(.milliseconds(100))
        #expect(record.take() == [])
        for _ in 1...3 { lock.waits(.seconds(1)) }
        let line =
            "warning Waiting for another program's lock on the rules holder=not known lock=/nowhere/lock"
        #expect(record.take() == [line])
        var report = PassReport(kind: .full)
        var outcome = PassReport.FamilyOutcome(family: .ipv4)
        outcome.error = DataplaneError(kind: .locked, operation: "x", subject: "y", errno: 11)
        report.families = [outcome]
        lock.ended(report)
        lock.waits(.seconds(1))
        #expect(record.take() == [])
        lock.ended(PassReport(kind: .full))
        lock.waits(.seconds(1))
        #expect(record.take() == [line])
    }

    @Test("A source's silence, a beat and the node's eligibility reach the health pages")
    func health() {
        var daemon = Self.daemon()
        daemon.pass(ServiceSnapshot())
        let now = Moment.now
        daemon.turn.signs = [
            Turn.SourceSign(
                name: "files",
                heard: now.instant.advanced(by: .seconds(-20)),
                staleAfter: .seconds(10)
            )
        ]
        daemon.turn.isAlive = true
        daemon.turn.eligibility = .tainted
        daemon.observe(at: now)
        let verdict = daemon.view.health.verdict(at: now)
        #expect(verdict.isLive && !verdict.isHealthy && !verdict.eligibility.isEligible)
        #expect(verdict.sources.map(\.silentSeconds) == [20])
    }

    @Test("Another log level counts from the turn on in which the configuration changed")
    func reload() {
        var daemon = Self.daemon()
        daemon.turn.configuration.log.level = .debug
        daemon.turn.configuration.metrics.address = nil
        daemon.turn.lines = [LogLine(.notice, "Configuration reloaded")]
        daemon.observe()
        #expect(daemon.takeLines() == ["log: debug", "notice Configuration reloaded"])
        #expect(daemon.view.snapshot.configuration.metrics.address == nil)
    }
}
