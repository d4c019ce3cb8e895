import ArgumentParser
import Glibc

/// Everything about ipvs mode.
struct IPVSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ipvs",
        abstract: "Programming and changing virtual servers, sets and addresses; IPv4.",
        discussion: "Runs scripts/uml, so the working directory has to be Fairlead's."
    )

    @Argument(help: "Services x endpoints.")
    var sizes = ["100x10", "1000x10", "5000x10"]

    func validate() throws { try Workload.requireSizes(sizes) }

    func run() throws {
        guard geteuid() == 0 else { throw BenchFailure("this needs root, for scripts/uml") }
        print("\(Machine.description); User-mode Linux \(try version())")
        var results: [IPVSReport.Result] = []
        for size in sizes {
            let planning = try Figures(
                ChildProcess.ask([ChildProcess.bench, "ipvs-plan", size])
            )
            let figures = try Figures(
                ChildProcess.ask(["scripts/uml", ChildProcess.bench, "ipvs-size", size])
            )
            results.append(.init(size: size, planning: planning, figures: figures))
        }
        IPVSReport(results: results).print()
    }

    private func version() throws -> String {
        try ChildProcess.ask(["linux.uml", "--version"]).filter { !$0.isWhitespace }
    }
}
