import Addressing
import DaemonConfiguration
import Foundation
import Logging
import Reconciling
import Telemetry

/// How the daemon's parts follow from the configuration.
extension Daemon {
    static func scheduler(_ configuration: DaemonConfiguration) -> PassScheduler {
        let settings = configuration.reconcile
        let families = (configuration.families ?? IPFamily.allCases).count
        return PassScheduler(
            minInterval: settings.minInterval,
            retryInterval: settings.retryInterval,
            maxRetryInterval: settings.maxRetryInterval,
            fullInterval: settings.fullResyncInterval,
            families: families,
            start: .now
        )
    }

    static func logger(
        _ settings: DaemonConfiguration.Log,
        _ environment: [String: String]
    ) -> Logger {
        let format: DaemonLogHandler.Format =
            switch settings.format {
            case .auto: DaemonLogHandler.isForJournal(environment) ? .journal : .text
            case .text: .text
            case .json: .json
            }
        let level = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        return Logger(label: "fairlead") { _ in DaemonLogHandler(format: format, level: level) }
    }

    /// As configured; a lower one than ours takes CAP_SYS_RESOURCE.
    func setOutOfMemoryScore() {
        guard let score = configuration.oomScoreAdjustment else { return }
        do {
            try Data("\(score)\n".utf8).write(to: URL(fileURLWithPath: "/proc/self/oom_score_adj"))
        } catch {
            logger.warning(
                "oomScoreAdj not set",
                metadata: ["wanted": "\(score)", "reason": "\(error.localizedDescription)"]
            )
        }
    }

    /// SIGHUP reloads, SIGTERM and SIGINT stop.
    static func signals(
        _ yield: @escaping @Sendable (Event) -> Void
    ) -> [any DispatchSourceSignal] {
        [SIGHUP, SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                yield(number == SIGHUP ? .reload(.asked) : .stop(signal: number))
            }
            source.resume()
            return source
        }
    }
}

extension DaemonConfiguration {
    /// Fields of `new` that differ and are only read at the start.
    func fieldsForRestart(_ new: DaemonConfiguration) -> [String] {
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
