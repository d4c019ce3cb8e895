import Addressing
import ArgumentParser
import DaemonConfiguration
import Picturing
import Planning
import ProxyModes
import ServiceModel
import ServiceSources

struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Draw the plan: frontends, Services, endpoints.",
        discussion: """
            Shows which endpoints each frontend leads to, what share of the connections each gets, \
            and why the others get none. Needs no root.

              fairlead graph shop/web -o web.svg
              fairlead graph --format dot | dot -Tpdf -o all.pdf

            Up to \(SVGRenderer.fullServices) Services are drawn in full, more are drawn as tiles.
            """
    )

    /// The most Services drawn without `--all`.
    private static let limit = 200

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case svg
        case dot
    }

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "Services. (default: all)")
    var services: [ServiceArgument] = []

    @Option(help: "svg or dot, the language of Graphviz.")
    var format = Format.svg

    @Option(name: .shortAndLong, help: "Write to this file instead of standard output.")
    var output: String?

    @Flag(help: "Draw all Services, even if there are more than \(limit).")
    var all = false

    func validate() throws {
        if all, !services.isEmpty {
            throw ValidationError("--all cannot be combined with Service names")
        }
    }

    func run() throws {
        let configuration = try options.loadWithMode()
        let sources = try LoadedSources.complaining(configuration)
        let names = try ServiceArgument.names(services, in: sources.update.snapshot)
        let count = names?.count ?? sources.update.snapshot.services.count
        guard count <= Self.limit || all || names != nil else {
            throw CommandFailure(
                "\(count) Services are too many for one picture: name some, or use --all"
            )
        }
        let graph = graph(configuration.mode.installed, configuration, sources, names)
        let text =
            switch format {
            case .svg: SVGRenderer().render(graph)
            case .dot: DOTRenderer().render(graph)
            }
        try deliver(text, to: output)
    }

    private func graph<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources,
        _ names: Set<ServiceName>?
    ) -> ServiceGraph {
        let plans = PlannedFamily.all(mode, configuration, sources.update, facts: sources.facts())
        return ServiceGraph(
            plans.map(\.desired),
            snapshot: sources.update.snapshot,
            names: names,
            mode: mode.name,
            issues: plans.flatMap(\.planner.issues)
        ) {
            guard mode == IPVSMode.self else { return .byWeight }
            return ($0.scheduler ?? configuration.ipvs.scheduler).spreading
        }
    }
}

extension Scheduler {
    /// How IPVS spreads connections with this scheduler.
    fileprivate var spreading: Spreading {
        switch self {
        case .wrr, .sh, .mh: .byWeight
        case .rr, .dh: .evenly
        case .lc, .wlc, .lblc, .lblcr, .sed, .nq, .fo, .ovf, .twos: .byLoad
        }
    }
}
