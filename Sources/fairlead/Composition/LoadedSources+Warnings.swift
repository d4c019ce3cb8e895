import DaemonConfiguration
import Running
import ServiceModel

extension LoadedSources {
    /// Reads every source once, with warnings on standard error about what is wrong in them.
    static func complaining(_ configuration: DaemonConfiguration) throws -> LoadedSources {
        let loaded = try LoadedSources(configuration)
        for gap in loaded.gaps { complain("warning: \(gap)") }
        for issue in loaded.update.snapshot.issues { complain("\(issue)") }
        return loaded
    }
}
