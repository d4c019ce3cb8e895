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
            root, as it reads the kernel.
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
        let (changes, sockets, failure) = try changes(mode, configuration, sources, line)
        try show(mode, changes, sockets)
        if let failure { throw CommandFailure("socket level: \(failure.advice)") }
        let changesAny =
            changes.contains { !$0.1.isEmpty } || sockets.contains { !$0.1.isEmpty }
        if exitCode, changesAny { throw ExitCode(2) }
    }

    /// What would change in the kernel, of rules and of the socket level, and why the latter could not be compared.
    private func changes<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources,
        _ line: ProgressLine
    ) throws -> (
        rules: [(IPFamily, Mode.ModePlanner.Diff)], sockets: [(IPFamily, SocketDiff)],
        failure: DataplaneError?
    ) {
        try withAdvice {
            let kernel = try Kernel(configuration)
            let facts = sources.facts()
            var planned = configuration
            planned.families = try kernel.families()
            let rules = try PlannedFamily.all(mode, planned, sources.update, facts: facts).map {
                plan in
                line.clear()
                plan.complainAboutIssues()
                line.show("reading the kernel's \(plan.family.rawValue) rules")
                defer { line.clear() }
                return (plan.family, try plan.diff(kernel))
            }
            var sockets: [(IPFamily, SocketDiff)] = []
            do throws(DataplaneError) {
                for plan in PlannedSockets.all(planned, sources.update, facts: facts) {
                    sockets.append((plan.family, try plan.diff(planned)))
                }
                return (rules, sockets, nil)
            } catch {
                return (rules, sockets, error)
            }
        }
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

    private func show<Mode: PlannedMode>(
        _ mode: Mode.Type,
        _ changes: [(IPFamily, Mode.ModePlanner.Diff)],
        _ sockets: [(IPFamily, SocketDiff)]
    ) throws {
        switch output {
        case .text:
            for (family, diff) in changes {
                StandardOutput.print(mode.changes(diff, family), terminator: "")
            }
            for (family, diff) in sockets {
                StandardOutput.print(SocketLevel.changes(diff, family), terminator: "")
            }
        case .json:
            let rules = changes.map { AnyEncodable(Mode.Renderer(family: $0).document($1)) }
            let level = sockets.map {
                SocketLevelDocument(SocketDiffDocument($1, family: $0))
            }
            try OutputFormat.printJSON(rules + level.map { AnyEncodable($0) })
        }
    }
}

/// The socket level of a family among the documents of the modes: `{"socketLevel": {…}}`.
private struct SocketLevelDocument<Content: Encodable>: Encodable {
    var socketLevel: Content

    init(_ content: Content) { socketLevel = content }
}
