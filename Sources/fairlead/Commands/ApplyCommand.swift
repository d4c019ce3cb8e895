import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes
import Observability
import Planning
import PrintableText
import Running
import ServiceModel
import ServiceSources

struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Apply the plan once, and exit.",
        discussion: """
            If any manifest has an error, nothing is applied: unlike the daemon, this command has \
            no last good version to fall back to, and would remove a Service that it cannot read. \
            Nor beside a daemon in another mode or with another state directory, one whose removal \
            guard holds Services, or one that cannot be asked.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    fileprivate struct Result: Encodable {
        var family: String
        var services: Int
        var operations: Int
        var failures: [String]

        /// What was done. "nothing to change" only if nothing failed.
        var words: String {
            if operations == 0, failures.isEmpty { return "nothing to change" }
            let done = counted(operations, "change")
            return failures.isEmpty ? done : "\(done), \(failures.count) failed"
        }
    }

    func run() throws {
        let configuration = try options.loadWithMode()
        try Self.requireAgreement(configuration)
        let sources = try LoadedSources.complaining(configuration)
        guard sources.update.snapshot.issues.isEmpty else {
            throw CommandFailure("nothing applied: fix the manifests first")
        }
        let report = try waiting { try await Self.apply(configuration, sources) }
        for issue in report.issues { complain("\(issue)") }
        let results = report.families.filter { $0.error == nil }.map(Result.init)
        switch output {
        case .json: try OutputFormat.printJSON(results)
        case .text:
            for result in results {
                let services = counted(result.services, "Service")
                StandardOutput.print("\(result.family): \(services), \(result.words)")
            }
        }
        for failure in results.flatMap(\.failures) { complain(failure) }
        for problem in report.socketProblems { complain("socket level: \(problem)") }
        for failure in report.errors {
            complain("\(failure.family.rawValue): \(failure.error.advice)")
        }
        if report.outcome != .succeeded { throw ExitCode(1) }
    }

    /// Fails beside a daemon that would undo what this does, or whose work this would undo.
    private static func requireAgreement(_ configuration: DaemonConfiguration) throws {
        if let socket = configuration.status.socket,
            let daemon = try RunningDaemon.find(at: socket, mustAnswer: true),
            daemon.shares(configuration)
        {
            try requireMode(of: daemon, configuration)
            try requireStateDirectory(of: daemon, configuration)
            try requireNoHold(daemon)
        } else if let holder = DaemonLock.holder(configuration) {
            throw CommandFailure(
                "nothing applied: the daemon (\(holder)) has no socket here to be asked what it serves. Stop it first"
            )
        }
    }

    /// Beside a daemon in another mode, two modes' rules would take the same connections.
    private static func requireMode(
        of daemon: RunningDaemon,
        _ configuration: DaemonConfiguration
    ) throws {
        let (present, wanted) = (daemon.configuration.chosenMode, configuration.chosenMode)
        guard present != wanted else { return }
        throw CommandFailure(
            "nothing applied: the daemon (process \(daemon.pid)) serves in mode \(present.rawValue), and would remove what mode \(wanted.rawValue) has. Stop it first"
        )
    }

    /// The daemon would not know of the notes that are left for it.
    private static func requireStateDirectory(
        of daemon: RunningDaemon,
        _ configuration: DaemonConfiguration
    ) throws {
        let words = [daemon.configuration, configuration].map {
            $0.sources.stateDirectory ?? "none"
        }
        guard words[0] != words[1] else { return }
        throw CommandFailure(
            "nothing applied: the state directory is \(words[1]), and that of the daemon (process \(daemon.pid)) \(words[0])"
        )
    }

    /// What the daemon's removal guard holds would go, until the daemon puts it back.
    private static func requireNoHold(_ daemon: RunningDaemon) throws {
        guard let status = daemon.status else {
            throw CommandFailure(
                "nothing applied: the daemon does not say whether it holds Services"
            )
        }
        guard let hold = status.hold else { return }
        throw CommandFailure("nothing applied: the daemon's removal guard \(hold)")
    }

    /// One full pass, as the daemon makes.
    private static func apply(
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources
    ) async throws -> PassReport {
        let dataplane = Dataplane(configuration)
        do throws(DataplaneError) {
            _ = try await dataplane.start()
        } catch {
            throw CommandFailure(error.advice)
        }
        for problem in await dataplane.prepareHost() { complain(problem) }
        if let cluster = sources.facts().cluster { _ = await dataplane.learn(cluster) }
        let report = await dataplane.pass(sources.update, .full)
        await dataplane.flowCleaner.finish()
        for problem in dataplane.flowCleaner.takeProblems() { complain("\(problem.error)") }
        return report
    }
}

extension ApplyCommand.Result {
    fileprivate init(_ outcome: PassReport.FamilyOutcome) {
        family = outcome.family.rawValue
        services = outcome.counts.services
        operations = [outcome.report, outcome.sockets?.report].compactMap(\.self)
            .reduce(outcome.retired) { $0 + $1.apply.operations }
        failures = outcome.failures.map { "\($0.consequence.map { "\($0): " } ?? "")\($0.error)" }
        if let leftovers = outcome.leftovers { failures.append("\(leftovers)") }
    }
}
