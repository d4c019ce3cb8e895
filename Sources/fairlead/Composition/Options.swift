import Addressing
import ArgumentParser
import DaemonConfiguration
import FoundationEssentials
import Observability
import PrintableText
import ServiceModel
import ServiceSources
import SystemCalls

/// Options that select the configuration; shared by all commands.
struct ConfigurationOptions: ParsableArguments {
    static let defaultPath = "/etc/fairlead/fairlead.yaml"

    @Option(
        name: .shortAndLong,
        help: "Configuration file. (default: \(defaultPath) if it exists)"
    )
    var config: String?

    @Option(
        help: "Manifests: a directory, one file, or - for standard input. Overrides all sources."
    )
    var services: String?

    @Option(help: "Proxy mode. Overrides mode in the configuration.")
    var mode: DaemonConfiguration.Mode?

    @Option(help: "One IP family. (default: both)")
    var family: FamilyOption?

    @Option(help: "Name of this node. Overrides node.name.")
    var nodeName: String?

    @Option(help: "Network namespace: a name under /run/netns or a path. Overrides netns.")
    var netns: String?

    @OptionGroup var kubeProxy: KubeProxyOptions

    func validate() throws {
        guard let nodeName, !nodeName.isEmpty,
            !DaemonConfiguration.Node.isName(nodeName.lowercased())
        else { return }
        throw ValidationError(
            "--node-name: \(quoted(nodeName)) is not \(DaemonConfiguration.Node.names)"
        )
    }

    /// The settings of the file or of kube-proxy's flags, with the options applied. A file that is a pipe or a device is
    /// an error, and nothing is waited for; without `regularOnly` it may be one that the caller has opened.
    func loaded(regularOnly: Bool = false) throws -> LoadedConfiguration {
        let flags = kubeProxy.flags
        var loaded: LoadedConfiguration
        do {
            if config == nil, LoadedConfiguration.isConfiguration(flags) {
                loaded = try LoadedConfiguration(flags: flags)
                if FileManager.default.fileExists(atPath: Self.defaultPath) {
                    loaded.warnings.append(
                        "\(Self.defaultPath): ignored, as kube-proxy's flags are given"
                    )
                }
            } else {
                loaded = try file(regularOnly: regularOnly)
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
        return loaded
    }

    /// For one-shot commands: the running daemon's settings, unless an option selects others, with
    /// the options applied. Warnings go to standard error.
    func loadLikeDaemon() throws -> DaemonConfiguration {
        guard let daemon = try runningDaemon() else { return try load() }
        complain(
            "configuration: that of the running daemon (process \(daemon.pid), \(daemon.socket)); --config selects another"
        )
        return try overriding(daemon)
    }

    /// The daemon's settings with the options applied.
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

    /// Nil if no daemon runs, or an option selects another configuration.
    func runningDaemon() throws -> RunningDaemon? {
        guard config == nil, services == nil,
            !LoadedConfiguration.isConfiguration(kubeProxy.flags)
        else { return nil }
        // An unreadable file is reported when it is used.
        let status = ((try? file()) ?? LoadedConfiguration()).configuration.status
        guard let socket = status.socket else { return nil }
        return try RunningDaemon.find(at: socket)
    }

    /// For one-shot commands. Warnings go to standard error.
    func load() throws -> DaemonConfiguration {
        let loaded = try loaded()
        for warning in loaded.warnings { complain("warning: \(warning)") }
        return loaded.configuration
    }

    /// The configuration file; nil if there is none.
    var path: String? {
        if let config { return config }
        guard !LoadedConfiguration.isConfiguration(kubeProxy.flags),
            FileManager.default.fileExists(atPath: Self.defaultPath)
        else { return nil }
        return Self.defaultPath
    }

    /// The file alone, or what holds without one. Fails with `UnusableConfiguration` if what it says
    /// cannot be used.
    func file(regularOnly: Bool = false) throws -> LoadedConfiguration {
        guard let path else { return LoadedConfiguration() }
        let bytes = try contents(of: path, regularOnly: regularOnly || !WholeFile.isOpened(path))
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("\(path): not UTF-8 text")
        }
        // The defaults would open what the file had closed.
        guard !bytes.isEmpty || !WholeFile.isRegular(path) else {
            throw UnusableConfiguration(
                description: "\(path): is empty, and may be half-written; {} has the defaults"
            )
        }
        do {
            return try LoadedConfiguration(text: text, file: path)
        } catch {
            throw UnusableConfiguration(description: "\(error)")
        }
    }

    private func override(_ configuration: inout DaemonConfiguration) {
        if let services {
            configuration.sources.filePath = services
            configuration.sources.kubernetes = nil
        }
        if let mode { configuration.mode = mode.mode }
        if let family { configuration.families = [family.family] }
        // Empty is the host's name, as in a file.
        if let nodeName {
            configuration.node.name = nodeName.isEmpty ? nil : nodeName.lowercased()
        }
        if let netns {
            // As in a file: the configuration may be printed, and read elsewhere.
            configuration.networkNamespace =
                netns.contains("/") ? absolutePath(netns) ?? netns : netns
        }
    }
}

/// Why a configuration file that was read cannot be used.
struct UnusableConfiguration: Error, CustomStringConvertible {
    var description: String
}

/// kube-proxy's flags, which `Fairlead.main` rewrites to one hidden option. `run --help` lists them.
struct KubeProxyOptions: ParsableArguments {
    @Option(name: .customLong(String(KubeProxyFlag.option.dropFirst(2))), help: .hidden)
    var flags: [KubeProxyFlag] = []

    static let help = """
        Accepts kube-proxy's flags. Without --config they are the configuration, with kube-proxy's \
        defaults; with it, only --hostname-override, --master and the logging flags count: \
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
