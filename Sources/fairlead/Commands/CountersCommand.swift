import ArgumentParser
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
import Planning
import ProxyModes
import ServiceModel
import ServiceSources

struct CountersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counters",
        abstract: "Show what the kernel has counted for each Service port.",
        discussion: """
            Mode nftables, with nftables: {counters: true} in the configuration of the daemon; \
            needs root. Packets and bytes are those of connections to endpoints, in both \
            directions; rejected, dropped and not allowed are packets that tried to open a \
            connection. Numbers begin when a frontend, or the table, is made. Names come from \
            the manifests.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    func run() throws {
        let configuration = try options.loadWithMode()
        try Self.refuseOtherModes(configuration.mode)
        let sources = try LoadedSources.complaining(configuration)
        let rows = try withAdvice { try Self.rows(configuration, sources) }
        switch output {
        case .text: print(CountersReport(rows), terminator: "")
        case .json: try OutputFormat.printJSON(rows)
        }
    }

    private static func refuseOtherModes(_ mode: DaemonConfiguration.Mode) throws {
        switch mode {
        case .nftables, .auto: return
        case .ipvs:
            throw CommandFailure(
                "mode ipvs: the kernel counts by itself, see ipvsadm -Ln --stats"
            )
        case .iptables:
            throw CommandFailure("mode iptables has no counters; mode nftables can have them")
        }
    }

    /// Of all families whose tables count, sorted by name. An error if none does.
    private static func rows(
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources
    ) throws -> [CountersRow] {
        let kernel = try Kernel(configuration)
        let plans = PlannedFamily.all(
            NFTablesMode.self,
            configuration,
            sources.update,
            facts: sources.facts()
        )
        var rows: [CountersRow] = []
        var isCounting = false
        for plan in plans {
            let counters = try NFTablesMode.store(plan.family, kernel).counters()
            guard NFTablesPlanner.counts(counters) else { continue }
            isCounting = true
            rows += plan.planner.trafficCounts(counters).sorted { $0.key < $1.key }
                .map { CountersRow($0.key, plan.family, $0.value) }
        }
        guard isCounting else {
            throw CommandFailure(
                "nothing is counted: the daemon does with nftables: {counters: true} in its configuration"
            )
        }
        return rows
    }
}
