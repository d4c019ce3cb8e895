import ArgumentParser
import Glibc

/// Everything about the socket level.
struct SocketCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket",
        abstract: "Programming and changing the socket level, and connecting through it; IPv4."
    )

    @Argument(help: "Services x endpoints.")
    var sizes = ["1x10", "10000x10"]

    // Many short ones: what disturbs the machine lasts for some seconds, and the ratios are those of a round.
    @Option(help: "Rounds of connections.")
    var rounds = 41

    @Option(help: "Connections in a round.")
    var connects = 500

    func validate() throws {
        try Workload.requireSizes(sizes)
        guard rounds > 0, connects > 0 else { throw ValidationError("both must be at least 1") }
    }

    func run() throws {
        guard geteuid() == 0 else { throw BenchFailure("this needs root, for its namespaces") }
        print(Machine.description)
        var results: [(size: String, figures: Figures)] = []
        for size in sizes {
            let answer = try ChildProcess.ask([ChildProcess.bench, "socket-size", size])
            results.append((size, try Figures(answer)))
        }
        SocketReport(results: results).print()
        let services = sizes.compactMap { Workload($0)?.services }
        try SocketTraffic(rounds: rounds, connects: connects).run(services)
    }
}
