import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes
import Planning
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
            ipvs also ipset save and ipvsadm -Sn. Each family starts with a comment. Needs neither \
            a configuration file nor root; --diff needs root, as it reads the kernel.
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
        line.show("planning \(sources.update.snapshot.services.count) Services")
        guard diff else {
            let facts = sources.facts()
            let plans = PlannedFamily.all(mode, configuration, sources.update, facts: facts)
            line.clear()
            for plan in plans { plan.complainAboutIssues() }
            try show(plans)
            return
        }
        let changes = try withAdvice {
            let kernel = try Kernel(configuration)
            let facts = sources.facts()
            var planned = configuration
            planned.families = try kernel.families()
            return try PlannedFamily.all(mode, planned, sources.update, facts: facts).map { plan in
                line.clear()
                plan.complainAboutIssues()
                line.show("reading the kernel's \(plan.family.rawValue) rules")
                defer { line.clear() }
                return (plan.family, try plan.diff(kernel))
            }
        }
        try show(mode, changes)
        if exitCode, changes.contains(where: { !$0.1.isEmpty }) { throw ExitCode(2) }
    }

    private func show<Mode: PlannedMode>(_ plans: [PlannedFamily<Mode>]) throws {
        switch output {
        case .text:
            for plan in plans { print(Mode.plan(plan.planner.plan, plan.family), terminator: "") }
        case .json:
            try OutputFormat.printJSON(
                plans.map {
                    AnyEncodable(Mode.Renderer(family: $0.family).document($0.planner.plan))
                }
            )
        }
    }

    private func show<Mode: PlannedMode>(
        _ mode: Mode.Type,
        _ changes: [(IPFamily, Mode.ModePlanner.Diff)]
    ) throws {
        switch output {
        case .text:
            for (family, diff) in changes { print(mode.changes(diff, family), terminator: "") }
        case .json:
            try OutputFormat.printJSON(
                changes.map { AnyEncodable(Mode.Renderer(family: $0).document($1)) }
            )
        }
    }
}
