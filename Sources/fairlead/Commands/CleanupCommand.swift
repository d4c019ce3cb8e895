import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import IPVS
import InstalledModes
import KubeProxyRemoval
import ProxyModes
import SocketLB

struct CleanupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cleanup",
        abstract: "Remove all of Fairlead's kernel objects, and nothing else.",
        discussion: """
            Cleans up every mode and both families, whatever the configuration says. Stop the \
            daemon first, or it restores everything.

            With --kube-proxy, removes kube-proxy's objects of every mode instead, and keeps \
            Fairlead's. To replace kube-proxy: start Fairlead, stop kube-proxy, then run this. \
            Established connections continue, except those through IPVS.
            """
    )

    @Flag(help: "Remove kube-proxy's rules instead of Fairlead's.")
    var kubeProxy = false

    @Flag(help: "With --kube-proxy: list what would be removed, and change nothing.")
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
            if !kubeProxy { failures += removeSockets(configuration) }
            for family in configuration.families ?? IPFamily.allCases {
                failures += try kubeProxy ? removeKubeProxy(family, kernel) : remove(family, kernel)
            }
            return failures
        }
        for failure in failures { complain("\(failure)") }
        if !failures.isEmpty { throw ExitCode(1) }
    }

    /// Removes Fairlead's objects; returns those that could not be removed.
    private func remove(_ family: IPFamily, _ kernel: Kernel) throws -> [DataplaneError] {
        // Switched off while the guard against neighbours is still there (CVE-2020-8558).
        let localnet = RouteLocalnet(stateDirectory: kernel.configuration.sources.stateDirectory)
        do throws(DataplaneError) {
            if family == .ipv4, try localnet.restore() { print("route_localnet: off again") }
        } catch {
            // The guard must stay while route_localnet is on.
            return [error]
        }
        // The rules of ipvs mode use the legacy tables of all modes.
        var report = try IPVSMode.store(family, kernel).removeEverything()
        report += try OtherModes(family, kernel).retireTable()
        let done =
            report.operations == 0
            ? "no objects of Fairlead" : "\(report.operations) objects removed"
        print("\(family.rawValue): \(done)")
        return report.failures
    }

    /// The rules serve until they go, too.
    private func removeSockets(_ configuration: DaemonConfiguration) -> [DataplaneError] {
        do throws(DataplaneError) {
            let directory = configuration.socketLB.bpfDirectory
            guard let count = try SocketStore.removeOwn(directory: directory) else {
                print(
                    "socket level: \(directory) is another daemon's, which runs or is of another network namespace, and stays"
                )
                return []
            }
            if count > 0 { print("socket level: \(count) objects removed") }
            return []
        } catch {
            return [error]
        }
    }

    private func removeKubeProxy(_ family: IPFamily, _ kernel: Kernel) throws -> [DataplaneError] {
        let rules = try KubeProxyRules(family, lock: kernel.lock)
        if dryRun {
            for line in rules.descriptions { print(line) }
            if rules.descriptions.isEmpty { print("\(family.rawValue): no objects of kube-proxy") }
            return []
        }
        let report = try rules.remove()
        let done =
            report.operations == 0
            ? "no objects of kube-proxy" : "\(report.operations) objects of kube-proxy removed"
        print("\(family.rawValue): \(done)")
        return report.failures
    }
}
