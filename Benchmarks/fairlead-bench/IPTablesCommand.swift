import ArgumentParser
import Glibc

/// Everything about iptables mode.
struct IPTablesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iptables",
        abstract: "Programming and changing the tables, and connecting through them; IPv4."
    )

    @Argument(help: "Services x endpoints.")
    var sizes = ["100x10", "1000x10", "5000x10", "10000x10"]

    @Flag(help: "Leave out the connection latency.")
    var noLatency = false

    @Flag(help: "Leave out iptables-restore, the slow part.")
    var fairleadOnly = false

    func validate() throws { try Workload.requireSizes(sizes) }

    func run() throws {
        guard geteuid() == 0 else { throw BenchFailure("this needs root, for its namespaces") }
        print(Machine.description)
        var results: [(String, Figures)] = []
        for size in sizes {
            let options = fairleadOnly ? ["--fairlead-only"] : []
            let figures = try Figures(
                ChildProcess.ask([ChildProcess.bench, "size", size] + options)
            )
            results.append((size, figures))
        }
        TablesReport(results: results).print()
        if !noLatency { try LatencyReport.measureAndPrint(.iptables) }
    }
}
