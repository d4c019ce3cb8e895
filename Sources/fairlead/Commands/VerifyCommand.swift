import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes
import Observability
import Planning
import ProxyModes
import Running
import ServiceModel
import ServiceSources

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare the kernel with the plan, by Service.",
        discussion: """
            Lists every missing, different or unexpected object with the Service it belongs to. \
            Changes nothing; needs root. Objects that all Services share and leftovers of another \
            mode are always listed, objects that belong to no Service only if no Service is named.

            Exit code 2 if something differs.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "Services. (default: all)")
    var services: [ServiceArgument] = []

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    func run() throws {
        let configuration = try options.loadWithMode()
        let sources = try LoadedSources.complaining(configuration)
        let names = try ServiceArgument.names(services, in: sources.update.snapshot)
        let (found, failure) = try withAdvice {
            try differences(configuration.chosenMode.installed, configuration, sources)
        }
        let report = VerifyReport(
            found.filter { names == nil || Self.concerns($0.difference, names ?? []) },
            services: names?.count ?? sources.update.snapshot.services.count
        )
        switch output {
        case .text: StandardOutput.print(report, terminator: "")
        case .json: try OutputFormat.printJSON(report)
        }
        if let failure { throw CommandFailure("socket level: \(failure.advice)") }
        if !report.isEqual {
            RunningDaemon.complainOfKept(configuration)
            throw ExitCode(2)
        }
    }

    private static func concerns(
        _ difference: ObjectDifference,
        _ names: Set<ServiceName>
    ) -> Bool {
        switch difference.owner {
        case .services(let owners, _): owners.contains(where: names.contains)
        case .allServices: true
        case .noService: false
        case .otherMode: true
        }
    }

    /// What differs, and why the socket level could not be compared: the rules are, all the same.
    private func differences<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources
    ) throws -> (
        found: [(family: IPFamily, difference: ObjectDifference)], failure: DataplaneError?
    ) {
        let kernel = try Kernel(configuration)
        var planned = configuration
        planned.families = try kernel.families()
        let plans = PlannedFamily.all(mode, planned, sources.update, facts: sources.facts())
        var found = try plans.flatMap { plan in
            let differences = try plan.differences(kernel)
            let others = try plan.differencesBesideRules(kernel)
            return (differences + others).map { (plan.family, $0) }
        }
        let level = PlannedSockets.all(planned, sources.update, facts: sources.facts())
        do throws(DataplaneError) {
            found += try PlannedSockets.remains(configuration.socketLB)
            for plan in level { found += try plan.differences(planned).map { (plan.family, $0) } }
            return (found, nil)
        } catch {
            return (found, error)
        }
    }
}
