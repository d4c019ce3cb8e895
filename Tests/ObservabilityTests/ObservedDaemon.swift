import Addressing
import DaemonConfiguration
import Dataplane
import Logging
import Planning
import ServiceModel
import Synchronization
import Telemetry

@testable import Observability
@testable import Reconciling

/// What is seen of a daemon from outside, turn by turn.
struct ObservedDaemon {
    let view: DaemonView
    private var observer: TurnObserver
    private let log = LogRecord()
    var turn: Turn

    init(_ configuration: DaemonConfiguration, logLevel: Logger.Level = .trace) {
        view = DaemonView(configuration, families: [.ipv4])
        turn = Turn(configuration)
        var logger = Logger(label: "test") { [log] _ in log.handler }
        logger.logLevel = logLevel
        observer = TurnObserver(view, configuration, logger) { [log] settings in
            log.append("log: \(settings.level.rawValue)")
        }
    }

    /// The lines since the last call.
    func takeLines() -> [String] { log.take() }

    /// Ends the turn and begins the next.
    mutating func observe(at now: Moment = .now) {
        observer.observe(turn, at: now)
        turn = turn.quiet
    }

    /// A source brings Services, and a pass of one family programs them.
    mutating func pass(_ snapshot: ServiceSnapshot, _ change: (inout PassReport) -> Void = { _ in })
    {
        turn.arrivals = [
            Turn.Arrival(
                source: "files",
                update: SnapshotUpdate(snapshot: snapshot, changed: .all),
                previous: ServiceSnapshot(),
                isDue: true,
                at: .now
            )
        ]
        observe()
        var report = PassReport(kind: .full)
        report.settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        var outcome = PassReport.FamilyOutcome(family: .ipv4)
        outcome.report = FamilyPassReport()
        report.families = [outcome]
        change(&report)
        turn.pass = report
        turn.passed = snapshot
        observe()
    }
}

/// Log lines as `message key=value …`.
final class LogRecord: Sendable {
    private let lines = Mutex<[String]>([])

    var handler: Handler { Handler(record: self) }

    func take() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    func append(_ line: String) { lines.withLock { $0.append(line) } }

    struct Handler: LogHandler {
        let record: LogRecord
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }
                .map { " \($0.key)=\($0.value)" }
            record.lines.withLock {
                $0.append("\(event.level) \(event.message)\(fields.joined())")
            }
        }
    }
}
