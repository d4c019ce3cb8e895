import ArgumentParser
import Glibc
import NamespaceLab
import SoakJudging

/// The program that scripts/soak runs.
@main
struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairlead-soak",
        abstract: "A node under connections, changes and faults.",
        discussion: """
            Builds a node, pods and a client in network namespaces, serves a cluster with an API \
            server, and runs the daemon that is beside this program. Needs root. Fails if a \
            connection failed that the kernel alone would have answered, if a wrong endpoint \
            answered, if something was not put right in time, if a fault never had an effect, or \
            if the daemon ended by itself or grew.
            """
    )

    @Option(help: "How long, in minutes.")
    var minutes = 10.0

    @Option(help: "Repeats a run's acts. (default: another one each time)")
    var seed: UInt64?

    @Option(help: "iptables, ipvs or nftables.")
    var mode = SoakMode.nftables

    @Option(help: "Services without clients, which are there for the work that they make.")
    var ballast = 200

    @Option(help: "Connections a second of each of the four clients.")
    var rate = 40

    @Option(parsing: .upToNextOption, help: "Only these faults, by their names in the table.")
    var faults: [String] = []

    @Option(help: "Keep the daemon's log in this file.")
    var log: String?

    @Option(help: "Only print the first acts of a run with that seed: so many.")
    var plan: Int?

    func validate() throws {
        guard minutes > 0 else { throw ValidationError("--minutes: must be above 0") }
        guard ballast >= 20 else { throw ValidationError("--ballast: at least 20") }
        guard rate > 0 else { throw ValidationError("--rate: must be above 0") }
        guard plan.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--plan: must be above 0")
        }
        let known = FaultList.all(for: mode).map(\.name)
        for name in faults where !known.contains(name) {
            throw ValidationError(
                "--faults: no \(name) in mode \(mode.rawValue); there are: "
                    + known.joined(separator: ", ")
            )
        }
    }

    func run() async throws {
        // Under nohup(1) it is ignored, and so it would be by the daemon from before its start.
        signal(SIGHUP, SIG_DFL)
        let seed = seed ?? UInt64.random(in: 1...999_999)
        let known = FaultList.all(for: mode)
            .filter { faults.isEmpty || faults.contains($0.name) }
        if let plan { return say(Acts(seed: seed, known).text(plan)) }
        say("mode \(mode.rawValue), seed \(seed), \(minutes) minutes")
        let node = try await SoakNode(mode, ballast: ballast, rate: rate)
        say("in force after \(node.startMilliseconds) ms")
        var run = SoakRun(node, seed: seed, known)
        let report: SoakReport
        do {
            report = try await run.run(for: .seconds(minutes * 60))
        } catch {
            await node.end(keepingLog: log)
            throw error
        }
        say(report.text)
        await node.end(keepingLog: log)
        let verdict = report.faults
        guard verdict.isEmpty else {
            say("\nnot as it has to be: " + verdict.joined(separator: ", "))
            throw ExitCode(1)
        }
    }
}

/// Prints a line at once, though the output may be a pipe.
func say(_ line: String) {
    print(line)
    fflush(nil)
}
