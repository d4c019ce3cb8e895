import Addressing
import ArgumentParser
import DaemonConfiguration
import Foundation
import ServiceModel
import ServiceSources

/// Options that name the configuration; shared by all commands.
struct ConfigurationOptions: ParsableArguments {
    static let defaultPath = "/etc/fairlead/fairlead.yaml"

    @Option(
        name: .shortAndLong,
        help: "Configuration file. (default: \(defaultPath) if it is there)"
    )
    var config: String?

    @Option(help: "Manifests: a directory or one file. Overrides sources.files.")
    var services: String?

    @Option(help: "How the kernel is programmed: auto, iptables, ipvs or nftables. Overrides mode.")
    var mode: DaemonConfiguration.Mode?

    @Option(help: "One family: ipv4 or ipv6. (default: both)")
    var family: FamilyOption?

    @Option(help: "Work as this node. Overrides node.name.")
    var nodeName: String?

    @Option(help: "Network namespace: a name under /run/netns or a path. Overrides netns.")
    var netns: String?

    /// The file's settings with the options put over them.
    func load() throws -> DaemonConfiguration {
        var configuration = DaemonConfiguration()
        let path = config ?? Self.defaultPath
        if config != nil || FileManager.default.fileExists(atPath: path) {
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw CommandFailure("\(path): cannot be read")
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw CommandFailure("\(path): is not UTF-8 text")
            }
            do {
                configuration = try DaemonConfiguration(text: text, file: path)
            } catch {
                throw CommandFailure(
                    "\(error)\nconfig/fairlead.yaml in the source shows every field."
                )
            }
        }
        if let services { configuration.sources.filePath = services }
        if let mode { configuration.mode = mode }
        if let family { configuration.families = [family.family] }
        if let nodeName { configuration.node.name = nodeName.lowercased() }
        if let netns { configuration.networkNamespace = netns }
        return configuration
    }
}

extension DaemonConfiguration.Mode: ExpressibleByArgument {}

/// A family on the command line.
enum FamilyOption: String, ExpressibleByArgument, CaseIterable {
    case ipv4
    case ipv6

    var family: IPFamily { self == .ipv4 ? .ipv4 : .ipv6 }
}

extension FileSource {
    /// Everything at the configured path, once, with complaints about what is wrong with it.
    static func loadOnce(_ configuration: DaemonConfiguration) throws -> SnapshotUpdate {
        let sources = configuration.sources
        let source = FileSource(
            path: sources.filePath,
            serviceProxyName: sources.serviceProxyName
        )
        guard let update = source.load() else {
            throw CommandFailure(
                "\(sources.filePath): cannot be read. Name your manifests with --services, or sources.files in the configuration"
            )
        }
        for issue in update.snapshot.issues { complain("\(issue)") }
        return update
    }
}
