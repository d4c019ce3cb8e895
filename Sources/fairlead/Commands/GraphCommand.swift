import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes
import Picturing
import Planning
import ProxyModes
import Running
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

    @Option(
        help: "svg, or dot for Graphviz. (default: by the output's name, else svg)"
    )
    var format: Format?

    @Option(name: .shortAndLong, help: "Write to this file instead of standard output.")
    var output: String?

    @Flag(help: "Draw all Services, even if there are more than \(limit).")
    var all = false

    func validate() throws {
        if all, !services.isEmpty {
            throw ValidationError("--all cannot be combined with Service names")
        }
        _ = try chosenFormat()
    }

    /// The requested format, or that of the output's file name extension. Throws for any other
    /// extension, as no viewer would open the file.
    private func chosenFormat() throws -> Format {
        guard let output, let name = output.split(separator: "/").last,
            let dot = name.lastIndex(of: "."), dot != name.startIndex
        else { return format ?? .svg }
        let ending = name[name.index(after: dot)...].lowercased()
        let named = ending == "gv" ? .dot : Format(rawValue: ending)
        guard let named, format == nil || format == named else {
            throw ValidationError(
                "--output \(output): the file name must end in .svg, .dot or .gv, and match --format"
            )
        }
        return named
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
        let graph = graph(configuration.chosenMode.installed, configuration, sources, names)
        let text =
            switch try chosenFormat() {
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
        let facts = sources.facts(in: configuration)
        let settings = PlannerSettings(configuration, facts: facts)
        let plans = PlannedFamily.all(mode, configuration, sources.update, facts: facts)
        return ServiceGraph(
            plans.map(\.desired),
            snapshot: sources.update.snapshot,
            names: names,
            mode: mode.mode.rawValue
                + (configuration.socketLB.scope == .off ? "" : " with socket level"),
            issues: plans.flatMap(\.planner.issues)
        ) { mode.spreading($0, settings) }
    }
}
