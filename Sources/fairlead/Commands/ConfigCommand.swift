import ArgumentParser
import DaemonConfiguration

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Work with configuration files.",
        subcommands: [ConfigConvertCommand.self, ConfigFieldsCommand.self]
    )
}

struct ConfigConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Convert a configuration to Fairlead's own format.",
        discussion: """
            Reads a KubeProxyConfiguration, kube-proxy's flags or Fairlead's own format, and writes \
            the fields that differ from Fairlead's defaults. Fields that are not honoured become \
            comments.

              fairlead config convert -c kube-proxy.yaml -o fairlead.yaml
              kubectl -n kube-system get configmap kube-proxy -o yaml |
                fairlead config convert -c /dev/stdin
              fairlead config convert --proxy-mode=nftables --cluster-cidr=10.244.0.0/16
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .shortAndLong, help: "The file to write. (default: standard output)")
    var output: String?

    func run() throws {
        let loaded = try options.loaded()
        let text = loaded.configuration.text(comments: loaded.warnings)
        try deliver(text, to: output)
        // Standard output has them as comments already.
        guard output != nil else { return }
        for warning in loaded.warnings { complain("warning: \(warning)") }
    }
}
