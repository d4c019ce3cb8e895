import DaemonConfiguration
import Running
import ServiceModel
import SystemCalls

extension LoadedSources {
    /// Reads every source once, with warnings on standard error about what is wrong in them.
    static func complaining(_ configuration: DaemonConfiguration) throws -> LoadedSources {
        let line = ProgressLine()
        line.show("reading the sources")
        let loaded = try LoadedSources(configuration)
        line.clear()
        for gap in loaded.gaps { complain("warning: \(gap)") }
        for issue in loaded.update.snapshot.issues { complain("\(issue)") }
        return loaded
    }
}
