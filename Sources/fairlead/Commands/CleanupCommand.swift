import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import IPVS
import InstalledModes
import KubeProxyRemoval
import ProxyModes

struct CleanupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cleanup",
        abstract: "Remove everything Fairlead put into the kernel, and nothing else.",
        discussion: """
            Of every mode and both families, whatever the configuration says. Stop the daemon \
            first, or it will put everything back.

            With --kube-proxy, remove what kube-proxy put there instead, of every mode of its, and \
            leave what is Fairlead's. To take over from it: stop kube-proxy, start Fairlead, and \
            when that serves, run this. Connections go on, but for those through IPVS.
            """
    )

    @Flag(help: "Remove kube-proxy's rules instead of Fairlead's.")
    var kubeProxy = false

    @Flag(help: "With --kube-proxy: list what would go, and change nothing.")
    var dryRun = false

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        if dryRun, !kubeProxy {
            throw ValidationError("--dry-run needs --kube-proxy")
        }
    }

    func run() throws {
        let configuration = try options.load()
        let failures = try withAdvice {
            let kernel = try Kernel(configuration)
            var failures: [DataplaneError] = []
            for family in configuration.families ?? IPFamily.allCases {
                failures += try kubeProxy ? removeKubeProxy(family, kernel) : remove(family, kernel)
            }
            return failures
        }
        for failure in failures { complain("\(failure)") }
        if !failures.isEmpty { throw ExitCode(1) }
    }

    /// Removes what is ours and returns what could not be removed.
    private func remove(_ family: IPFamily, _ kernel: Kernel) throws -> [DataplaneError] {
        // Closed as long as the guard against neighbours stands.
        let localnet = RouteLocalnet(stateDirectory: kernel.configuration.sources.stateDirectory)
        do throws(DataplaneError) {
            if family == .ipv4, try localnet.restore() { print("route_localnet: off again") }
        } catch {
            // The guard has to stay as long as the way is open.
            return [error]
        }
        // The rules of ipvs mode are in all the tables that any mode uses.
        var report = try IPVSMode.store(family, kernel).removeEverything()
        report += try OtherModes(family, kernel).retireTable()
        let done =
            report.operations == 0 ? "nothing of ours" : "\(report.operations) objects removed"
        print("\(family.rawValue): \(done)")
        return report.failures
    }

    private func removeKubeProxy(_ family: IPFamily, _ kernel: Kernel) throws -> [DataplaneError] {
        let rules = try KubeProxyRules(family, lock: kernel.lock)
        if dryRun {
            for line in rules.descriptions { print(line) }
            if rules.descriptions.isEmpty { print("\(family.rawValue): nothing of kube-proxy's") }
            return []
        }
        let report = try rules.remove()
        let done =
            report.operations == 0
            ? "nothing of kube-proxy's" : "\(report.operations) objects of kube-proxy's removed"
        print("\(family.rawValue): \(done)")
        return report.failures
    }
}
