import ArgumentParser
import Glibc

/// Everything about nftables mode.
struct NFTablesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nftables",
        abstract: "Programming and changing the table, and connecting through it; IPv4."
    )

    @Argument(help: "Services x endpoints.")
    var sizes = ["100x10", "1000x10", "5000x10", "10000x10", "20000x5"]

    @Flag(help: "Leave out the connection latency.")
    var noLatency = false

    @Flag(help: "Leave out nft with a chain per Service.")
    var fairleadOnly = false

    func validate() throws { try Workload.requireSizes(sizes) }

    func run() throws {
        guard geteuid() == 0 else { throw BenchFailure("this needs root, for its namespaces") }
        print(Machine.description)
        var results: [(String, Figures)] = []
        for size in sizes {
            let options = fairleadOnly ? ["--fairlead-only"] : []
            let figures = try Figures(
                ChildProcess.ask([ChildProcess.bench, "nftables-size", size] + options)
            )
            results.append((size, figures))
        }
        NFTablesReport(results: results).print()
        if !noLatency { try LatencyReport.measureAndPrint(.nftables) }
    }
}
