import Addressing
import ArgumentParser
import DataplaneModel
import LinuxKernel
import ProxyModes

struct CleanupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cleanup",
        abstract: "Remove everything Fairlead put into the kernel, and nothing else.",
        discussion: "Stop the daemon first, or it will put everything back."
    )

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let configuration = try options.load()
        let failures = try withAdvice {
            let kernel = try Kernel(configuration)
            var failures: [DataplaneError] = []
            for family in try kernel.families() {
                let store = IPTablesMode.store(family, kernel)
                let diff = IPTablesDiff(from: try store.observe(), to: IPTablesState())
                let report = try store.apply(diff)
                failures += report.failures
                print(
                    "\(family.rawValue): \(diff.isEmpty ? "nothing of ours" : "\(report.operations) chains and jumps removed")"
                )
            }
            return failures
        }
        for failure in failures { complain("\(failure)") }
        if !failures.isEmpty { throw ExitCode(1) }
    }
}
