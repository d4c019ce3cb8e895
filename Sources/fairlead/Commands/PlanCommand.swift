import Addressing
import ArgumentParser
import DaemonConfiguration
import DataplaneModel
import Foundation
import LinuxKernel
import Planning
import ServiceSources

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show the rules that would be programmed, and touch nothing.",
        discussion: """
            The rules are text as iptables-save prints it, each family's part headed by a comment. \
            One family's text (--family) is taken by iptables-legacy-restore as it stands. Needs \
            neither root nor a configuration file, unless --diff asks for the kernel's state.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Show what would change against the kernel instead.")
    var diff = false

    @Flag(help: "With --diff: exit with 2 if something would change.")
    var exitCode = false

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    func validate() throws {
        if exitCode, !diff { throw ValidationError("--exit-code goes with --diff") }
    }

    func run() throws {
        let configuration = try options.load()
        let update = try FileSource.loadOnce(configuration)
        guard diff else {
            let plans = PlannedFamily.all(configuration, update, facts: NodeFacts.observe())
            for plan in plans { plan.complainAboutIssues() }
            try show(plans)
            return
        }
        let changes = try withAdvice {
            let kernel = try Kernel(configuration)
            let facts = NodeFacts.observe()
            var planned = configuration
            planned.families = try kernel.families()
            return try PlannedFamily.all(planned, update, facts: facts).map { plan in
                plan.complainAboutIssues()
                let observed = try kernel.store(plan.family).observe()
                return (plan.family, IPTablesDiff(from: observed, to: plan.planner.plan))
            }
        }
        try show(changes)
        if exitCode, changes.contains(where: { !$0.1.isEmpty }) { throw ExitCode(2) }
    }

    private func show(_ plans: [PlannedFamily]) throws {
        switch output {
        case .text:
            for plan in plans {
                print(
                    "# Fairlead's rules for \(plan.family.rawValue), mode iptables",
                    IPTablesRenderer(family: plan.family).render(plan.planner.plan),
                    separator: "\n",
                    terminator: ""
                )
            }
        case .json:
            try OutputFormat.printJSON(
                plans.map { IPTablesDocument($0.planner.plan, family: $0.family) }
            )
        }
    }

    private func show(_ changes: [(IPFamily, IPTablesDiff)]) throws {
        switch output {
        case .text:
            for (family, diff) in changes {
                print(
                    "# \(family.rawValue): \(diff.isEmpty ? "nothing to change" : "\(diff.count) changes")"
                )
                print(IPTablesRenderer(family: family).render(diff), terminator: "")
            }
        case .json:
            try OutputFormat.printJSON(changes.map { IPTablesDiffDocument($1, family: $0) })
        }
    }
}

extension PlannedFamily {
    func complainAboutIssues() {
        for issue in planner.issues { complain("\(family.rawValue): \(issue)") }
    }
}
