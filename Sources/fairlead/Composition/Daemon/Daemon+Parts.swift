import Addressing
import DaemonConfiguration
import Dataplane
import Foundation
import InstalledModes
import KubernetesClient
import Logging
import Planning
import PrintableText
import Reconciling
import Telemetry

/// How the daemon's parts follow from the configuration.
extension Daemon {
    /// `families` is how many are served: each is looked at once in `fullResyncInterval`.
    static func scheduler(
        _ configuration: DaemonConfiguration,
        families: Int
    ) -> PassScheduler {
        let settings = configuration.reconcile
        return PassScheduler(
            minInterval: settings.minInterval,
            retryInterval: settings.retryInterval,
            maxRetryInterval: settings.maxRetryInterval,
            fullInterval: settings.fullResyncInterval,
            families: families,
            start: .now
        )
    }

    static func logSettings(
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

    /// As configured; without that as it was at the start.
    func setOutOfMemoryScore() {
        let wanted = configuration.oomScoreAdjustment
        guard let reason = outOfMemoryScore.set(wanted) else { return }
        logger.warning(
            "oomScoreAdj not set",
            metadata: ["wanted": "\(wanted.map(String.init) ?? "null")", "reason": "\(reason)"]
        )
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

extension StartGate {
    /// What an API server is needed for.
    init(_ configuration: DaemonConfiguration) {
        var needs: Facts = []
        if configuration.sources.kubernetes != nil {
            needs.insert(.addresses)
            if configuration.serviceCIDRs.isEmpty { needs.insert(.serviceRanges) }
        }
        if configuration.takesPodRangesFromNode { needs.insert(.podRanges) }
        self.init(needs: needs)
    }
}

extension RestClientMetrics {
    func observe(_ outcome: RequestOutcome) {
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

extension KubernetesSource {
    /// In words, that the cluster has no Node of this name.
    static func missingNode(_ name: String) -> String {
        "the cluster has no Node \(quoted(name)); name this node's Node with --node-name or node.name"
    }
}

extension DaemonConfiguration {
    /// The name of this node's Node.
    var nodeName: String { node.name ?? NodeFacts.hostName() }
}
