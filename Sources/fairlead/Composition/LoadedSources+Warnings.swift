import DaemonConfiguration
import DataplaneModel
import HostFacts
import Planning
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

    /// What node and cluster know of the node in the configured network namespace. Where that cannot be entered, in the
    /// present one, with a warning: a plan can be shown without root.
    func facts(in configuration: DaemonConfiguration) -> NodeFacts {
        guard let namespace = configuration.networkNamespace else { return facts() }
        do throws(DataplaneError) {
            return try NetworkNamespace.withNamespace(namespace) { facts() }
        } catch {
            complain("warning: with the node addresses of the present network namespace: \(error)")
            return facts()
        }
    }
}
