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

    @Option(help: "Manifests: a directory or one file. Overrides all sources.")
    var services: String?

    @Option(help: "How the kernel is programmed: auto, iptables, ipvs or nftables. Overrides mode.")
    var mode: DaemonConfiguration.Mode?

    @Option(help: "One family: ipv4 or ipv6. (default: both)")
    var family: FamilyOption?

    @Option(help: "Work as this node. Overrides node.name.")
    var nodeName: String?

    @Option(help: "Network namespace: a name under /run/netns or a path. Overrides netns.")
    var netns: String?

    @OptionGroup var kubeProxy: KubeProxyOptions

    /// The file's settings, or kube-proxy's flags', with the options put over them.
    func loaded() throws -> LoadedConfiguration {
        let flags = kubeProxy.flags
        var loaded: LoadedConfiguration
        do {
            if config == nil, LoadedConfiguration.isConfiguration(flags) {
                loaded = try LoadedConfiguration(flags: flags)
                if FileManager.default.fileExists(atPath: Self.defaultPath) {
                    loaded.warnings.append(
                        "\(Self.defaultPath): not read, as kube-proxy's flags decide"
                    )
                }
            } else {
                loaded = try file()
                try loaded.overlay(flags)
            }
        } catch let error as ConfigurationError {
            throw CommandFailure("\(error)")
        }
        override(&loaded.configuration)
        let sources = loaded.configuration.sources
        guard !sources.filePath.isEmpty || sources.kubernetes != nil else {
            throw CommandFailure(
                "no Services to serve: neither sources.files nor sources.kubernetes"
            )
        }
        // kube-proxy, too, takes it from the working directory, from a file as from a flag.
        loaded.configuration.makeKubeconfigAbsolute()
        return loaded
    }

    /// For a command that ends: the running daemon's settings if there is one and nothing here names
    /// others, with the options put over them. What was odd is told on standard error.
    func loadLikeDaemon() throws -> DaemonConfiguration {
        guard let daemon = try runningDaemon() else { return try load() }
        complain(
            "configuration: that of the running daemon (process \(daemon.pid), \(daemon.socket)); --config takes another"
        )
        return try overriding(daemon)
    }

    /// The daemon's settings with the options put over them.
    func overriding(_ daemon: RunningDaemon) throws -> DaemonConfiguration {
        var loaded = LoadedConfiguration(daemon.configuration)
        do {
            try loaded.overlay(kubeProxy.flags)
        } catch {
            throw CommandFailure("\(error)")
        }
        override(&loaded.configuration)
        return loaded.configuration
    }

    /// Nil if there is none, or the options name another configuration than its.
    func runningDaemon() throws -> RunningDaemon? {
        guard config == nil, services == nil,
            !LoadedConfiguration.isConfiguration(kubeProxy.flags)
        else { return nil }
        // A file that cannot be read is told about when it is what counts.
        let status = ((try? file()) ?? LoadedConfiguration()).configuration.status
        guard let socket = status.socket else { return nil }
        return try RunningDaemon.find(at: socket)
    }

    /// For a command that ends: what was odd is told on standard error.
    func load() throws -> DaemonConfiguration {
        let loaded = try loaded()
        for warning in loaded.warnings { complain("warning: \(warning)") }
        return loaded.configuration
    }

    /// The file that is read; nil if there is none.
    var path: String? {
        if let config { return config }
        guard !LoadedConfiguration.isConfiguration(kubeProxy.flags),
            FileManager.default.fileExists(atPath: Self.defaultPath)
        else { return nil }
        return Self.defaultPath
    }

    private func file() throws -> LoadedConfiguration {
        guard let path else { return LoadedConfiguration() }
        guard let text = String(validating: try contents(of: path), as: UTF8.self) else {
            throw CommandFailure("\(path): is not UTF-8 text")
        }
        do {
            return try LoadedConfiguration(text: text, file: path)
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private func override(_ configuration: inout DaemonConfiguration) {
        if let services {
            configuration.sources.filePath = services
            configuration.sources.kubernetes = nil
        }
        if let mode { configuration.mode = mode.mode }
        if let family { configuration.families = [family.family] }
        if let nodeName { configuration.node.name = nodeName.lowercased() }
        if let netns { configuration.networkNamespace = netns }
    }
}

/// kube-proxy's flags, each carried by one option, where `Fairlead.main` puts it. `run --help` has
/// a paragraph on them.
struct KubeProxyOptions: ParsableArguments {
    @Option(name: .customLong(String(KubeProxyFlag.option.dropFirst(2))), help: .hidden)
    var flags: [KubeProxyFlag] = []

    static let help = """
        kube-proxy's flags are taken too, so that its command line starts Fairlead. They stand in \
        for the default file, with kube-proxy's defaults; beside --config only \
        --hostname-override, --master and those of logging count. \
        \(KubeProxyFlag.names.map { $0 == "v" ? "-v" : "--\($0)" }.joined(separator: ", ")).
        """
}

extension KubeProxyFlag: ExpressibleByArgument {
    package init?(argument: String) { self.init(parsing: argument) }
}

extension DaemonConfiguration.Mode: ExpressibleByArgument {}

/// A family on the command line.
enum FamilyOption: String, ExpressibleByArgument, CaseIterable {
    case ipv4
    case ipv6

    var family: IPFamily { self == .ipv4 ? .ipv4 : .ipv6 }
}
