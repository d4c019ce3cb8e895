package import DaemonConfiguration
import FoundationEssentials
import Glibc
import InstalledModes
import Planning
import Telemetry

/// The daemon's answer to commands that ask for its configuration, so that they use the same node name,
/// sources and mode however it was started.
package struct ConfigurationAnswer: Codable, Sendable {
    package var version: String
    package var pid: Int32
    /// In Fairlead's own format, with the chosen node name and mode.
    package var configuration: String

    /// That of this daemon.
    init(_ configuration: DaemonConfiguration) {
        var configuration = configuration
        configuration.node.name = configuration.nodeName
        configuration.makePathsAbsolute()
        version = Version.text
        pid = getpid()
        self.configuration = configuration.text()
    }
}

extension DaemonConfiguration {
    /// The name of this node's Node object.
    package var nodeName: String { node.name ?? NodeFacts.hostName() }

    /// Commands may have another working directory.
    mutating func makePathsAbsolute() {
        sources.filePath = absolutePath(sources.filePath)
        makeKubeconfigAbsolute()
    }

    package mutating func makeKubeconfigAbsolute() {
        guard let path = sources.kubernetes?.kubeconfig else { return }
        sources.kubernetes?.kubeconfig = absolutePath(path)
    }
}

/// From the working directory; empty stays empty.
private func absolutePath(_ path: String) -> String {
    guard !path.isEmpty, !path.hasPrefix("/") else { return path }
    return "\(FileManager.default.currentDirectoryPath)/\(path)"
}
