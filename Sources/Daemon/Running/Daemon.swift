import Addressing
package import DaemonConfiguration
import Dataplane
import FoundationEssentials
import Glibc
import HealthChecking
import InstalledModes
import KubernetesClient
import Logging
import Observability
import Reconciling
import Telemetry

/// The daemon: its parts, and the tasks that send it events.
package struct Daemon: Sendable {
    private let load: @Sendable () throws -> LoadedConfiguration
    private let watch: ConfigurationWatch?
    private let environment = ProcessInfo.processInfo.environment

    /// `load` reads the configuration, at the start and at each reload; `watch` notices changes of its
    /// file.
    package init(
        _ watch: ConfigurationWatch?,
        _ load: @escaping @Sendable () throws -> LoadedConfiguration
    ) {
        self.watch = watch
        self.load = load
    }

    /// Returns when a signal asks for it; the rules stay.
    ///
    /// - Throws: what `load` throws, `DaemonLock.Refusal` if another daemon runs, `DataplaneError` if the kernel lacks what the mode needs, and
    ///   `ListeningFailure` if an address that the configuration insists on cannot be used.
    package func run() async throws {
        // A client that disconnects must not end the daemon.
        signal(SIGPIPE, SIG_IGN)
        FreedMemory.returnLargeBlocks()
        let mailbox = Mailbox()
        // Other stops end the daemon by default until the loop runs.
        let early = Signals(EarlySignals.numbers, into: mailbox)
        defer { early.cancel() }
        let loaded = try load()
        let settings = LogSettings(Self.logSettings(loaded.configuration.log, environment))
        let logger = Logger(label: "fairlead") { _ in DaemonLogHandler(settings) }
        // The start may fail, and with it what the loop would log.
        for warning in loaded.warnings {
            logger.warning("Configuration", metadata: ["problem": "\(warning)"])
        }
        // Before anything is written, in the state directory or in the kernel.
        var lock = try await DaemonLock.take(loaded.configuration, logger) { mailbox.isStopping }
        let registry = MetricRegistry()
        let feeds = SourceFeeds(
            loaded.configuration,
            nodeName: loaded.configuration.nodeName,
            logger: logger,
            observe: RestClientMetrics(registry).observe
        )
        do {
            // From here on, so that the sources answer while the kernel is looked at: in nftables mode each look
            // takes 10 to 20 ms, and there are three. Ends with this block.
            async let _ = feeds.follow(into: mailbox)
            let (loop, view, started) = try await prepare(
                loaded,
                feeds,
                registry,
                mailbox,
                logger,
                settings
            )
            try await view.listen()
            let stops = [SIGTERM, SIGINT].filter { !EarlySignals.numbers.contains($0) }
            let late = Signals(stops, into: mailbox)
            defer { late.cancel() }
            await serve(
                loop,
                started,
                view,
                interval: loaded.configuration.reconcile.driftCheckInterval,
                logger
            )
        }
        await feeds.close()
        lock.take()?.end()
    }

    /// Returns after a stop.
    private func serve(
        _ prepared: DaemonLoop,
        _ started: DaemonEvent,
        _ view: DaemonView,
        interval: Duration,
        _ logger: Logger
    ) async {
        var loop = prepared
        let (mailbox, dataplane, checker) = (loop.mailbox, loop.dataplane, loop.checker)
        await withDiscardingTaskGroup { group in
            group.addTask { await view.keepListening(logger) }
            group.addTask {
                for await batch in checker.changes { mailbox.send(.probed(batch)) }
            }
            group.addTask {
                await dataplane.watch(every: interval) { mailbox.send(.noticed) }
            }
            group.addTask {
                guard (try? await Task.sleep(for: FreedMemory.startTime)) != nil else { return }
                FreedMemory.returnProgram()
            }
            if let watch {
                group.addTask {
                    for await _ in watch.changes() { mailbox.send(.reload(.fileChanged)) }
                }
            }
            await loop.run(started)
            group.cancelAll()
        }
    }

    /// The parts, with the dataplane started, and the loop's first event.
    private func prepare(
        _ loaded: LoadedConfiguration,
        _ feeds: SourceFeeds,
        _ registry: MetricRegistry,
        _ mailbox: Mailbox,
        _ logger: Logger,
        _ logSettings: LogSettings
    ) async throws -> (DaemonLoop, DaemonView, DaemonEvent) {
        var configuration = loaded.configuration
        let nodeName = configuration.nodeName
        let manager = ServiceManager(environment: environment)
        let waits = LockWaits(configuration, manager.watchdogInterval)
        let dataplane = Dataplane(waits.configuration)
        mailbox.whenStopping { dataplane.hurry() }
        let score = OutOfMemoryScore()
        let start = try await dataplane.start()
        configuration.mode = start.mode
        var problems = await dataplane.kernelProblems()
        problems += [waits.problem].compactMap(\.self)
        problems += [score.apply(configuration.oomScoreAdjustment)].compactMap(\.self)
        let prober = try await NetworkProber(configuration)
        let checker = HealthChecker(
            prober: prober,
            maxConcurrent: configuration.healthChecks.maxConcurrent
        )
        let view = DaemonView(
            configuration,
            families: start.families,
            events: feeds.events,
            checker: checker,
            registry: registry,
            confirm: { await mailbox.confirm() },
            refresh: { mailbox.send(.tick) }
        )
        view.setFeatureGates(loaded.featureGates)
        let loop = DaemonLoop(
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
                watchdog: manager.watchdogInterval,
                start: .now
            ),
            observer: TurnObserver(view, configuration, logger) { [environment] in
                logSettings.set(Self.logSettings($0, environment))
            }
        )
        return (
            loop, view,
            .started(version: Version.text, modeReason: start.reason, problems: problems)
        )
    }

    private static func logSettings(
        _ settings: DaemonConfiguration.Log,
        _ environment: [String: String]
    ) -> LogSettings.Values {
        let format: DaemonLogHandler.Format =
            switch settings.format {
            case .auto:
                DaemonLogHandler.isForJournal(environment) ? .journal : .forPeople(environment)
            case .text: .text
            case .json: .json
            }
        let level = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        return LogSettings.Values(format: format, level: level)
    }
}
