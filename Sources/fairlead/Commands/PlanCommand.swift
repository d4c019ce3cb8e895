import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes
import Planning
import PrintableText
import ProxyModes
import Running
import ServiceModel
import ServiceSources
import SystemCalls

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what would be programmed, and change nothing.",
        discussion: """
            Prints the plan in the format of the mode's own tools: iptables-save, nft, or in mode \
            ipvs also ipset save and ipvsadm -Sn; below it the socket level's, if socketLB is on. Each \
            family starts with a comment. Needs neither a configuration file nor root; --diff needs \
            root, as it reads the kernel. It lists settings of the host and what another mode left, \
            too, as comments.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Show what would change in the kernel instead.")
    var diff = false

    @Flag(help: "With --diff: exit with 2 if something would change.")
    var exitCode = false

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    func validate() throws {
        if exitCode, !diff { throw ValidationError("--exit-code needs --diff") }
    }

    func run() throws {
        let configuration = try options.loadWithMode()
        let sources = try LoadedSources.complaining(configuration)
        try plan(configuration.chosenMode.installed, configuration, sources)
    }

    private func plan<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources
    ) throws {
        let line = ProgressLine()
        line.show("planning \(counted(sources.update.snapshot.services.count, "Service"))")
        guard diff else {
            let facts = sources.facts(in: configuration)
            let plans = PlannedFamily.all(mode, configuration, sources.update, facts: facts)
            line.clear()
            for plan in plans { plan.complainAboutIssues() }
            try show(plans, PlannedSockets.all(configuration, sources.update, facts: facts))
            return
        }
        let changes = try KernelChanges(mode, configuration, sources, line)
        switch output {
        case .text: StandardOutput.print(changes.description, terminator: "")
        case .json: try OutputFormat.printJSON(changes.documents)
        }
        if let failure = changes.failure {
            throw CommandFailure("socket level: \(failure.advice)")
        }
        guard !changes.isEmpty else { return }
        RunningDaemon.complainOfKept(configuration)
        if exitCode { throw ExitCode(2) }
    }

    private func show<Mode: PlannedMode>(
        _ plans: [PlannedFamily<Mode>],
        _ sockets: [PlannedSockets]
    ) throws {
        switch output {
        case .text:
            for plan in plans {
                StandardOutput.print(Mode.plan(plan.planner.plan, plan.family), terminator: "")
            }
            for plan in sockets {
                StandardOutput.print(
                    SocketLevel.plan(plan.planner.plan, plan.family),
                    terminator: ""
                )
            }
        case .json:
            let rules = plans.map {
                AnyEncodable(Mode.Renderer(family: $0.family).document($0.planner.plan))
            }
            let level = sockets.map {
                SocketLevelDocument(SocketDocument($0.planner.plan, family: $0.family))
            }
            try OutputFormat.printJSON(rules + level.map { AnyEncodable($0) })
        }
    }
}
