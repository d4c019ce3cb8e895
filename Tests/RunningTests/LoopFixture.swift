import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import HealthChecking
import Logging
import Reconciling
import Synchronization
import Telemetry

@testable import Observability
@testable import Running

/// A running loop on a dataplane whose passes can be held.
final class LoopFixture: Sendable {
    private struct Refusal: Error, CustomStringConvertible {
        var description: String { "refused" }
    }

    let gate = PassGate()
    let mailbox = Mailbox()
    let view: DaemonView
    let log = LoopLog()
    private let next: NextConfiguration
    private let run: Task<Void, Never>

    /// `environment` is what names the service manager.
    init(environment: [String: String] = [:], resync: Duration? = nil) async throws {
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        configuration.sources.filePath = "/services.d"
        configuration.reconcile.minInterval = .milliseconds(1)
        if let resync { configuration.reconcile.fullResyncInterval = resync }
        let dataplane = Dataplane(configuration, host: HeldHost(gate), flows: NoFlows())
        _ = try await dataplane.start()
        let prober = try await NetworkProber(configuration)
        let checker = HealthChecker(prober: prober, maxConcurrent: 1)
        let logger = Logger(label: "test") { [log] _ in LoopLog.Handler(log: log) }
        view = DaemonView(
            configuration,
            families: [.ipv4],
            confirm: { [mailbox] in await mailbox.confirm() },
            refresh: { [mailbox] in mailbox.send(.tick) }
        )
        next = NextConfiguration(configuration)
        let manager = ServiceManager(environment: environment)
        let loop = DaemonLoop(
            mailbox: mailbox,
            dataplane: dataplane,
            feeds: SourceFeeds(configuration, nodeName: "node-a", logger: logger),
            checker: checker,
            prober: prober,
            serviceManager: manager,
            score: OutOfMemoryScore(),
            load: { [next] in
                guard let new = next.value.withLock({ $0 }) else { throw Refusal() }
                return LoadedConfiguration(new)
            },
            state: DaemonState(
                LoadedConfiguration(configuration),
                mode: .nftables,
                families: [.ipv4],
                nodeName: "node-a",
                watchdog: manager.watchdogInterval,
                start: .now
            ),
            observer: TurnObserver(view, configuration, logger) { _ in }
        )
        run = Task {
            var loop = loop
            await loop.run(.started(version: "1", modeReason: nil, problems: []))
        }
    }

    /// What the next reload reads: the former configuration with this change.
    func change(_ change: (inout DaemonConfiguration) -> Void) {
        next.value.withLock { value in
            guard var changed = value else { return }
            change(&changed)
            value = changed
        }
    }

    /// The next reload is refused.
    func refuse() { next.value.withLock { $0 = nil } }

    /// Returns when the loop has ended.
    func end() async { await run.value }

    func stop() async {
        mailbox.send(.stop(signal: 15))
        await end()
    }
}

private final class NextConfiguration: Sendable {
    let value: Mutex<DaemonConfiguration?>

    init(_ configuration: DaemonConfiguration) { value = Mutex(configuration) }
}

/// Log lines as `message key=value …`.
final class LoopLog: Sendable {
    private let content = Mutex<[String]>([])

    var lines: [String] { content.withLock { $0 } }

    struct Handler: LogHandler {
        let log: LoopLog
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).map { " \($0.key)=\($0.value)" }.sorted()
            log.content.withLock { $0.append("\(event.message)\(fields.joined())") }
        }
    }
}
