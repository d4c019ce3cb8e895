import Addressing
package import DaemonConfiguration
import Dataplane
import Foundation
import HealthChecking
import InstalledModes
import KubernetesClient
import Logging
import Observability
import Reconciling
import Telemetry

/// The daemon: its parts and the tasks that bring it events.
package struct Daemon: Sendable {
    private let load: @Sendable () throws -> LoadedConfiguration
    private let watch: ConfigurationWatch?
    private let environment = ProcessInfo.processInfo.environment

    /// `load` reads the configuration, at a reload again; `watch` sees when there is a new one.
    package init(
        _ watch: ConfigurationWatch?,
        _ load: @escaping @Sendable () throws -> LoadedConfiguration
    ) {
        self.watch = watch
        self.load = load
    }

    /// Returns when a signal asks for it; the rules stay. Fails with `DataplaneError` if the kernel has
    /// not what the mode needs, and if the configuration or an address that it insists on cannot be used.
    package func run() async throws {
        // A client that goes away is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        let loaded = try load()
        var configuration = loaded.configuration
        let nodeName = configuration.nodeName
        let logSettings = LogSettings(Self.logSettings(configuration.log, environment))
        let logger = Logger(label: "fairlead") { _ in DaemonLogHandler(logSettings) }
        let registry = MetricRegistry()
        let restClient = RestClientMetrics(registry)
        let feeds = SourceFeeds(
            configuration,
            nodeName: nodeName,
            logger: logger,
            observe: { restClient.observe($0) }
        )
        let dataplane = Dataplane(configuration)
        let score = OutOfMemoryScore()
        let start = try await dataplane.start()
        configuration.mode = start.mode
        var problems = await dataplane.kernelProblems()
        problems += [score.apply(configuration.oomScoreAdjustment)].compactMap(\.self)
        let prober = try await NetworkProber(configuration)
        let checker = HealthChecker(
            prober: prober,
            maxConcurrent: configuration.healthChecks.maxConcurrent
        )
        let mailbox = Mailbox()
        let view = DaemonView(
            configuration,
            families: start.families,
            events: feeds.events,
            checker: checker,
            registry: registry,
            confirm: { await mailbox.confirm() }
        )
        view.setFeatureGates(loaded.featureGates)
        try await view.listen()
        let manager = ServiceManager(environment: environment)
        var loop = DaemonLoop(
            mailbox: mailbox,
            dataplane: dataplane,
            feeds: feeds,
            checker: checker,
            prober: prober,
            serviceManager: manager,
            score: score,
            load: load,
            state: DaemonState(
                loaded,
                mode: start.mode,
                families: start.families,
                nodeName: nodeName,
                start: .now
            ),
            observer: TurnObserver(view, configuration, logger) { [environment] in
                logSettings.set(Self.logSettings($0, environment))
            }
        )
        let interval = Self.tickInterval(configuration, manager.watchdogInterval)
        let signals = Signals(into: mailbox)
        defer { signals.cancel() }
        await withDiscardingTaskGroup { group in
            group.addTask { await view.keepListening(logger) }
            group.addTask { await feeds.follow(into: mailbox) }
            group.addTask {
                for await batch in checker.changes { mailbox.send(.probed(batch)) }
            }
            group.addTask {
                while (try? await Task.sleep(for: interval)) != nil { mailbox.send(.tick) }
            }
            if let watch {
                group.addTask {
                    for await _ in watch.changes() { mailbox.send(.reload(.fileChanged)) }
                }
            }
            await loop.run(
                .started(version: Version.text, modeReason: start.reason, problems: problems)
            )
            group.cancelAll()
        }
        await feeds.close()
    }

    /// Health judges signs of life by the second, however seldom the kernel is looked at.
    private static func tickInterval(
        _ configuration: DaemonConfiguration,
        _ watchdog: Duration?
    ) -> Duration {
        let often = min(configuration.reconcile.driftCheckInterval, .seconds(1))
        return watchdog.map { min(often, $0 / 3) } ?? often
    }

    private static func logSettings(
        _ settings: DaemonConfiguration.Log,
        _ environment: [String: String]
    ) -> LogSettings.Values {
        let format: DaemonLogHandler.Format =
            switch settings.format {
            case .auto: DaemonLogHandler.isForJournal(environment) ? .journal : .text
            case .text: .text
            case .json: .json
            }
        let level = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        return LogSettings.Values(format: format, level: level)
    }
}

extension RestClientMetrics {
    fileprivate func observe(_ outcome: RequestOutcome) {
        observe(
            host: outcome.server,
            method: outcome.method,
            code: outcome.code,
            isWatch: outcome.isWatch,
            duration: outcome.duration,
            heldBack: outcome.heldBack,
            requestBytes: outcome.sentBytes,
            responseBytes: outcome.receivedBytes
        )
    }
}
