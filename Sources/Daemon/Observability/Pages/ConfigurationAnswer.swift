package import DaemonConfiguration
import Glibc
import InstalledModes
import Planning
import SystemCalls
import Telemetry

/// The daemon's answer to commands that ask for its configuration, so that they use the same node name,
/// sources and mode however it was started.
package struct ConfigurationAnswer: Codable, Sendable {
    package var version: String
    package var pid: Int32
    /// In Fairlead's own format, with the chosen node name and mode.
    package var configuration: String

    /// That of this daemon, which has had the name since its start.
    init(_ configuration: DaemonConfiguration, nodeName: String) {
        var configuration = configuration
        // A host may have a name that no configuration can have; commands find it, too.
        if DaemonConfiguration.Node.isName(nodeName) { configuration.node.name = nodeName }
        // Commands may have another working directory. Empty stays empty.
        let files = configuration.sources.filePath
        if !files.isEmpty { configuration.sources.filePath = absolutePath(files) ?? files }
        version = Version.text
        pid = getpid()
        self.configuration = configuration.text()
    }
}

extension DaemonConfiguration {
    /// The name of this node's Node object.
    package var nodeName: String { node.name ?? NodeFacts.hostName() }
}
