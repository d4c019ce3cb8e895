import Addressing
import ArgumentParser
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
import ProxyModes

struct CleanupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cleanup",
        abstract: "Remove everything Fairlead put into the kernel, and nothing else.",
        discussion: """
            Of every mode and both families, whatever the configuration says. Stop the daemon \
            first, or it will put everything back.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let configuration = try options.load()
        let failures = try withAdvice {
            let kernel = try Kernel(configuration)
            var failures: [DataplaneError] = []
            for family in configuration.families ?? IPFamily.allCases {
                // The rules of ipvs mode are in all the tables that any mode uses.
                var report = try IPVSMode.store(family, kernel).removeEverything()
                report += try OtherModes(family, kernel).retireTable()
                failures += report.failures
                print(
                    "\(family.rawValue): \(report.operations == 0 ? "nothing of ours" : "\(report.operations) objects removed")"
                )
            }
            return failures
        }
        for failure in failures { complain("\(failure)") }
        if !failures.isEmpty { throw ExitCode(1) }
    }
}
