import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes
import Observability
import Planning
import Running
import ServiceModel
import ServiceSources

struct CountersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counters",
        abstract: "Show traffic by Service port, as counted by the kernel.",
        discussion: """
            Works in mode ipvs, and in mode nftables if the daemon's configuration has \
            nftables: {counters: true}. Needs root. Packets and bytes are those of connections to \
            endpoints, in both directions. Rejected, dropped and not allowed are packets that tried \
            to open a connection; IPVS does not count them. Counting starts when the frontend, or \
            the table, is created. Service names come from the sources.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    func run() throws {
        let configuration = try options.loadWithMode()
        let sources = try LoadedSources.complaining(configuration)
        let rows = try withAdvice { try Self.rows(configuration, sources) }
        switch output {
        case .text: StandardOutput.print(CountersReport(rows), terminator: "")
        case .json: try OutputFormat.printJSON(rows)
        }
    }

    /// The rows of all families with counters, sorted by name. Throws if there is none.
    private static func rows(
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources
    ) throws -> [CountersRow] {
        let kernel = try Kernel(configuration)
        let settings = PlannerSettings(configuration, facts: sources.facts())
        var rows: [CountersRow] = []
        var isCounting = false
        for family in try kernel.families() {
            let owners = FrontendOwners(sources.update.snapshot, family: family, settings: settings)
            let source = configuration.chosenMode.installed.trafficSource(family, kernel)
            guard let traffic = try source.read(owners) else { continue }
            isCounting = true
            rows += owners.all.sorted().map {
                CountersRow($0, family, traffic[$0] ?? PortTraffic())
            }
        }
        guard isCounting else {
            throw CommandFailure(configuration.chosenMode.installed.countingAdvice)
        }
        return rows
    }
}
