import Addressing
import DaemonConfiguration
import Foundation
import HealthChecking
import Logging
import Reconciling
import ServiceModel
import ServiceSources
import Telemetry

/// Reconciles for ever: waits for what sources, signals and timers bring, and runs passes.
///
/// Nothing is applied before the source has reported once. On stop the rules stay.
struct Daemon {
    private enum Event: Sendable {
        case update(SnapshotUpdate)
        case health([HealthChange])
        case tick
        case wake
        case reload
        case stop(signal: Int32)
    }

    private let load: @Sendable () throws -> DaemonConfiguration
    private var configuration: DaemonConfiguration
    private var logger: Logger
    private let serviceManager: ServiceManager
    private let source: FileSource
    private let dataplane: Dataplane
    private var scheduler: PassScheduler
    private var pending = PendingUpdate()
    private var health = HealthFilter()
    private var sourceHasReported = false
    private var isReady = false
    private var known: Set<String> = []

    /// `load` reads the configuration, at a reload again.
    init(_ load: @escaping @Sendable () throws -> DaemonConfiguration) throws {
        self.load = load
        configuration = try load()
        let environment = ProcessInfo.processInfo.environment
        logger = Self.logger(configuration.log, environment)
        serviceManager = ServiceManager(environment: environment)
        source = FileSource(
            path: configuration.sources.filePath,
            serviceProxyName: configuration.sources.serviceProxyName,
            stateDirectory: configuration.sources.stateDirectory
        )
        dataplane = Dataplane(configuration)
        scheduler = Self.scheduler(configuration.reconcile)
    }

    /// Returns when a signal asks for it.
    mutating func run() async throws {
        let start = try await dataplane.start()
        if let reason = start.reason {
            logger.notice(
                "Mode chosen",
                metadata: ["mode": "\(start.mode.rawValue)", "reason": "\(reason)"]
            )
        }
        logger.notice(
            "Started",
            metadata: [
                "version": "\(Version.text)", "mode": "\(start.mode.rawValue)",
                "families": "\(start.families.map(\.rawValue).joined(separator: ","))",
                "source": "\(configuration.sources.filePath)",
            ]
        )
        for problem in await dataplane.kernelProblems() {
            logger.warning("Kernel", metadata: ["problem": "\(problem)"])
        }
        let prober = try await NetworkProber(configuration)
        let checker = HealthChecker(
            prober: prober,
            maxConcurrent: configuration.healthChecks.maxConcurrent
        )
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let signals = Self.signals { continuation.yield($0) }
        defer { signals.forEach { $0.cancel() } }
        let feeds = [
            Task { [updates = source.updates()] in
                for await update in updates { continuation.yield(.update(update)) }
            },
            Task { [changes = checker.changes] in
                for await batch in changes { continuation.yield(.health(batch)) }
            },
            Task { [interval = tickInterval] in
                while !Task.isCancelled {
                    try await Task.sleep(for: interval)
                    continuation.yield(.tick)
                }
            },
        ]
        defer { feeds.forEach { $0.cancel() } }
        try await follow(events, checker, prober) { continuation.yield(.wake) }
    }

    private mutating func follow(
        _ events: AsyncStream<Event>,
        _ checker: HealthChecker,
        _ prober: NetworkProber,
        wake: @escaping @Sendable () -> Void
    ) async throws {
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        var silentTicks = 0
        for await event in events {
            switch event {
            case .update(let update):
                sourceHasReported = true
                let filtered = health.take(update)
                await checker.update(filtered.targets)
                pending.merge(filtered.update)
                report(update.snapshot.issues.map(\.description), as: "Manifest problem")
                reportPanics()
                scheduler.request(at: .now)
            case .health(let changes):
                logger.report(changes)
                if let update = health.apply(changes) {
                    pending.merge(update)
                    scheduler.request(at: .now)
                }
                reportPanics()
            case .tick:
                silentTicks += 1
                await tick(silentTicks)
            case .wake: break
            case .reload:
                await reload()
                await checker.limit(to: configuration.healthChecks.maxConcurrent)
                prober.reconfigure(caFile: configuration.healthChecks.caFile)
            case .stop(let signal):
                logger.notice("Stopping; the rules stay", metadata: ["signal": "\(signal)"])
                serviceManager.stopping()
                return
            }
            guard sourceHasReported else { continue }
            if let kind = scheduler.due(at: .now) { await pass(kind) }
            timer?.cancel()
            timer = Task { [at = scheduler.nextWake] in
                // Cancelled means that a later timer takes over.
                guard (try? await Task.sleep(until: at, clock: .continuous)) != nil else { return }
                wake()
            }
        }
    }

    // MARK: - Passes

    private mutating func pass(_ kind: PassScheduler.PassKind) async {
        let report = await dataplane.pass(pending.take(), full: kind == .full)
        scheduler.completed(
            kind,
            at: .now,
            duration: report.duration,
            succeeded: report.succeeded
        )
        log(report)
        self.report(report.issues, as: "Service problem")
        guard report.succeeded else {
            serviceManager.status("failing: \(report.errors[0])")
            return
        }
        let status =
            "\(report.services) Services, last pass \(Self.milliseconds(report.duration)) ms"
        if isReady {
            serviceManager.status(status)
        } else {
            isReady = true
            serviceManager.ready(status: status)
        }
    }

    private func log(_ report: PassReport) {
        for error in report.errors {
            logger.error("Pass failed; it will be repeated", metadata: ["error": "\(error)"])
        }
        for failure in report.failures {
            logger.warning("Object not changed", metadata: ["reason": "\(failure)"])
        }
        if report.retired > 0 {
            logger.notice(
                "Removed what another mode left",
                metadata: ["objects": "\(report.retired)"]
            )
        }
        if report.drift > 0 {
            logger.warning(
                "Repaired what somebody else changed",
                metadata: ["objects": "\(report.drift)"]
            )
        }
        let metadata: Logger.Metadata = [
            "kind": report.kind == .full ? "full" : "incremental",
            "services": "\(report.services)", "changed": "\(report.changedServices)",
            "operations": "\(report.operations)", "conflicts": "\(report.conflicts)",
            "ms": "\(Self.milliseconds(report.duration))",
        ]
        let level: Logger.Level = report.operations > 0 ? .info : .debug
        logger.log(level: level, "Pass done", metadata: metadata)
    }

    /// Logs problems that are new, and forgets those that are gone.
    private mutating func report(_ problems: [String], as kind: String) {
        let present = Set(problems.map { "\(kind)\u{0}\($0)" })
        for problem in problems where !known.contains("\(kind)\u{0}\(problem)") {
            logger.warning("\(kind)", metadata: ["problem": "\(problem)"])
        }
        known = known.filter { !$0.hasPrefix("\(kind)\u{0}") }.union(present)
    }

    private mutating func reportPanics() {
        report(
            health.withoutHealthyEndpoint.map { "\($0): no endpoint is healthy" },
            as: "Health problem"
        )
    }

    // MARK: - Signs of change

    /// Runs on the dataplane thread's answer, so that a hung thread starves the watchdog.
    private mutating func tick(_ count: Int) async {
        do {
            if try await dataplane.hasDrifted() { scheduler.request(at: .now, full: true) }
        } catch {
            logger.error("Cannot look for changes", metadata: ["error": "\(error)"])
            scheduler.request(at: .now, full: true)
        }
        do {
            try await dataplane.attend()
        } catch {
            logger.error("Cannot end what has run out", metadata: ["error": "\(error)"])
            scheduler.request(at: .now, full: true)
        }
        if await dataplane.addressesChanged() {
            logger.notice("The node's addresses changed")
            pending.invalidate()
            scheduler.request(at: .now, full: true)
        }
        serviceManager.keepAlive()
        if !sourceHasReported, count == 3 {
            logger.warning(
                "Nothing is programmed before the manifests can be read",
                metadata: ["path": "\(configuration.sources.filePath)"]
            )
            serviceManager.status("waiting for \(configuration.sources.filePath)")
        }
    }

    private mutating func reload() async {
        serviceManager.reloading()
        do {
            let new = try load()
            for field in configuration.fieldsForRestart(new) {
                logger.warning("Takes effect at the next start", metadata: ["field": "\(field)"])
            }
            configuration = new
            logger = Self.logger(new.log, ProcessInfo.processInfo.environment)
            scheduler = Self.scheduler(new.reconcile)
            for problem in await dataplane.reconfigure(new) {
                logger.warning("Kernel", metadata: ["problem": "\(problem)"])
            }
            pending.invalidate()
            source.rescan()
            scheduler.request(at: .now, full: true)
            logger.notice("Configuration reloaded")
        } catch {
            logger.error(
                "Configuration not reloaded; the old one holds",
                metadata: ["error": "\(error)"]
            )
        }
        serviceManager.ready(status: "reloaded")
    }

    // MARK: - Parts

    private var tickInterval: Duration {
        let drift = configuration.reconcile.driftCheckInterval
        guard let watchdog = serviceManager.watchdogInterval else { return drift }
        return min(drift, watchdog / 3)
    }

    private static func scheduler(_ settings: DaemonConfiguration.Reconcile) -> PassScheduler {
        PassScheduler(
            minInterval: settings.minInterval,
            retryInterval: settings.retryInterval,
            maxRetryInterval: settings.maxRetryInterval,
            fullInterval: settings.fullResyncInterval,
            start: .now
        )
    }

    private static func logger(
        _ settings: DaemonConfiguration.Log,
        _ environment: [String: String]
    ) -> Logger {
        let format: DaemonLogHandler.Format =
            switch settings.format {
            case .auto: environment["JOURNAL_STREAM"] == nil ? .text : .journal
            case .text: .text
            case .json: .json
            }
        let level = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        return Logger(label: "fairlead") { _ in DaemonLogHandler(format: format, level: level) }
    }

    private static func signals(
        _ yield: @escaping @Sendable (Event) -> Void
    ) -> [any DispatchSourceSignal] {
        [SIGHUP, SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { yield(number == SIGHUP ? .reload : .stop(signal: number)) }
            source.resume()
            return source
        }
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000
            + duration.components.attoseconds / 1_000_000_000_000_000
    }
}

extension DaemonConfiguration {
    /// Fields of `new` that differ and are only read at the start.
    fileprivate func fieldsForRestart(_ new: DaemonConfiguration) -> [String] {
        var fields: [String] = []
        if new.mode != mode { fields.append("mode") }
        if new.families != families { fields.append("families") }
        if new.sources != sources { fields.append("sources") }
        if new.networkNamespace != networkNamespace { fields.append("netns") }
        if new.iptables != iptables { fields.append("iptables") }
        if new.ipvs.drainTimeout != ipvs.drainTimeout { fields.append("ipvs.drainTimeout") }
        if new.ipvs.excludedRanges != ipvs.excludedRanges { fields.append("ipvs.excludeCIDRs") }
        if new.reconcile.driftCheckInterval != reconcile.driftCheckInterval {
            fields.append("reconcile.driftCheckInterval")
        }
        return fields
    }
}
