import DaemonConfiguration
import Logging
import Telemetry

/// Reloads of the configuration.
extension DaemonState {
    mutating func take(_ outcome: LoadOutcome, _ cause: ReloadCause, at now: Instant) {
        let isKnown = lastReload.isSame(outcome, cause, at: now)
        if isKnown, cause == .fileChanged {
            log(.debug, "The configuration file holds what was read last")
            return
        }
        lastReload.note(outcome, cause, at: now)
        notify(.reloading)
        switch outcome {
        case .loaded(let loaded):
            reloadLevel = isKnown ? .debug : .notice
            reconfigure(loaded, at: now)
        case .refused(let reason):
            log(
                isKnown ? .debug : .error,
                "Configuration not reloaded, keeping the former one",
                ["error": reason]
            )
            turn.configurationIssues = ["not reloaded: \(reason)"] + restartIssues
            notify(manager.reloaded(refusal: reason))
        }
    }

    private mutating func reconfigure(_ loaded: LoadedConfiguration, at now: Instant) {
        for warning in loaded.warnings { log(.warning, "Configuration", ["problem": warning]) }
        let fields = requested.reload(loaded.configuration)
        for field in fields {
            log(.warning, "Change requires a restart", ["field": field])
        }
        restartFields = fields
        var new = requested
        new.mode = mode
        configuration = new
        turn.configurationIssues = restartIssues
        scheduler = PassScheduler(new, families: families.count, start: now)
        perform(.reconfigure(new))
        go(pipeline.reconfigure(MassRemovalGuard.Settings(new.removals), at: now), at: now)
        perform(.rescan)
        replan(at: now)
    }

    /// The new configuration is in effect.
    mutating func reconfigured(_ problems: [String]) {
        logHostProblems(problems)
        log(reloadLevel, "Configuration reloaded")
        notify(manager.reloaded(refusal: nil))
    }

    private var restartIssues: [String] {
        restartFields.map { "\($0): the change takes effect at the next start" }
    }
}
