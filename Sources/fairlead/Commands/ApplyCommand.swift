import Addressing
import ArgumentParser
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
import Planning
import ProxyModes
import Reconciling
import ServiceModel
import ServiceSources

struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Apply the plan once, and exit.",
        discussion: """
            If any manifest has an error, nothing is applied: unlike the daemon, this command has \
            no last good version to fall back to, and would remove a Service that it cannot read.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    private struct Result: Encodable {
        var family: String
        var services: Int
        var operations: Int
        var failures: [String]

        /// What was done. "nothing to change" only if nothing failed.
        var words: String {
            if operations == 0, failures.isEmpty { return "nothing to change" }
            let done = "\(operations) change\(operations == 1 ? "" : "s")"
            return failures.isEmpty ? done : "\(done), \(failures.count) failed"
        }
    }

    func run() throws {
        let configuration = try options.loadWithMode()
        let sources = try LoadedSources.complaining(configuration)
        guard sources.update.snapshot.issues.isEmpty else {
            throw CommandFailure("nothing applied: fix the manifests first")
        }
        let results = try withAdvice {
            try apply(configuration.mode.installed, configuration, sources)
        }
        switch output {
        case .json: try OutputFormat.printJSON(results)
        case .text:
            for result in results {
                print("\(result.family): \(result.services) Services, \(result.words)")
            }
        }
        let failures = results.flatMap(\.failures)
        for failure in failures { complain(failure) }
        if !failures.isEmpty { throw ExitCode(1) }
    }

    private func apply<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources
    ) throws(DataplaneError) -> [Result] {
        let kernel = try Kernel(configuration)
        for problem in mode.prepareHost(configuration) { complain(problem) }
        let settings = PlannerSettings(configuration, facts: sources.facts())
        var results: [Result] = []
        for family in try kernel.families() {
            var dataplane = ModeDataplane(mode, family, settings, kernel)
            let report = try dataplane.pass(sources.update, observe: true)
            var failures = report.apply.failures.map(\.description)
            if let failure = dataplane.finish() { failures.append(failure) }
            var retirement = Retirement(OtherModes(family, kernel))
            _ = retirement.proceed(presentStands: dataplane.stands)
            failures += retirement.remains
            for issue in dataplane.issues { complain("\(family.rawValue): \(issue)") }
            results.append(
                Result(
                    family: family.rawValue,
                    services: dataplane.serviceCount,
                    operations: report.apply.operations,
                    failures: failures
                )
            )
        }
        return results
    }
}
