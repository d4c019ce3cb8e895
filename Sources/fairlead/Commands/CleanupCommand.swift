import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import HostFacts
import IPVS
import InstalledModes
import KubeProxyRemoval
import PrintableText
import ProxyModes
import Running
import SocketLB

struct CleanupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cleanup",
        abstract: "Remove all of Fairlead's kernel objects, and nothing else.",
        discussion: """
            Cleans up every mode and both families, whatever the configuration says. Stop the \
            daemon first: it would restore everything, so this refuses while it runs. Exit code 1 \
            if something is left, which is named.

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
        if options.mode != nil {
            throw ValidationError("--mode: this removes the objects of all modes")
        }
    }

    func run() throws {
        let configuration = try options.load()
        if !kubeProxy { try Self.requireNoDaemon(configuration) }
        let kernel = try withAdvice { try Kernel(configuration) }
        var problems = Problems()
        if !kubeProxy { removeSockets(configuration, &problems) }
        for family in configuration.families ?? IPFamily.allCases {
            if kubeProxy {
                removeKubeProxy(family, kernel, &problems)
            } else {
                remove(family, kernel, &problems)
            }
        }
        try problems.report()
    }

    /// Fails beside a daemon in the same network namespace, whether it is found by its lock or by its socket.
    private static func requireNoDaemon(_ configuration: DaemonConfiguration) throws {
        func refusal(_ daemon: String) -> CommandFailure {
            CommandFailure(
                "the daemon runs (\(daemon)) and would put everything back: stop it first"
            )
        }
        if let daemon = DaemonLock.holder(configuration) { throw refusal("\(daemon)") }
        if let socket = configuration.status.socket,
            let daemon = try RunningDaemon.find(at: socket, mustAnswer: true),
            daemon.shares(configuration)
        {
            throw refusal("process \(daemon.pid)")
        }
    }

    /// What could not be removed. The rest is removed nevertheless.
    private struct Problems {
        private var lines: [String] = []
        private var cures: [String] = []

        mutating func add(_ errors: [DataplaneError], _ place: String) {
            for error in errors {
                let line = "\(place): \(error)"
                if !lines.contains(line) { lines.append(line) }
                if let cure = error.cure, !cures.contains(cure) { cures.append(cure) }
            }
        }

        /// Fails if there are any.
        func report() throws {
            if lines.isEmpty { return }
            for line in lines { complain(line) }
            for cure in cures { complain("\(cure).") }
            complain("Not everything is removed: run it again when that is mended.")
            throw ExitCode(1)
        }
    }

    private func remove(_ family: IPFamily, _ kernel: Kernel, _ problems: inout Problems) {
        let localnet = RouteLocalnet(stateDirectory: kernel.configuration.sources.stateDirectory)
        // Switched off while the guard against neighbours is still there (CVE-2020-8558), and not before that
        // can go: until then node ports answer on 127.0.0.1. Where it stays on and may be ours, so do the rules.
        func unguard() throws(DataplaneError) {
            if family == .ipv4, try localnet.release() {
                StandardOutput.print("route_localnet: off again")
            }
        }
        // The rules of ipvs mode use the legacy tables of all modes.
        var report = IPVSMode.store(family, kernel).removeEverything(after: unguard)
        report.attempt { () throws(DataplaneError) in
            try OtherModes(family, kernel).retireTable(after: unguard)
        }
        let done = Self.words(report, of: "Fairlead")
        StandardOutput.print("\(family.rawValue): \(done)")
        problems.add(report.failures, family.rawValue)
    }

    /// `12 objects removed`. "no objects" only if nothing failed.
    private static func words(_ report: ApplyReport, of owner: String) -> String {
        if report.operations > 0 {
            return "\(counted(report.operations, "object")) of \(owner) removed"
        }
        return report.failures.isEmpty ? "no objects of \(owner)" : "nothing removed"
    }

    /// The rules serve until they go, too.
    private func removeSockets(_ configuration: DaemonConfiguration, _ problems: inout Problems) {
        let place = "socket level"
        do throws(DataplaneError) {
            let directory = configuration.socketLB.bpfDirectory
            guard let count = try SocketStore.removeOwn(directory: directory) else {
                StandardOutput.print(
                    "\(place): \(directory) is another daemon's, which runs or is of another network namespace, and stays"
                )
                return
            }
            if count > 0 { StandardOutput.print("\(place): \(counted(count, "object")) removed") }
        } catch {
            problems.add([error], place)
        }
    }

    private func removeKubeProxy(_ family: IPFamily, _ kernel: Kernel, _ problems: inout Problems) {
        let rules: KubeProxyRules
        do throws(DataplaneError) {
            rules = try KubeProxyRules(family, lock: kernel.lock)
        } catch {
            problems.add([error], family.rawValue)
            return
        }
        if dryRun {
            for line in rules.descriptions { StandardOutput.print(line) }
            if rules.descriptions.isEmpty {
                StandardOutput.print("\(family.rawValue): no objects of kube-proxy")
            }
            return
        }
        let report = rules.remove()
        let done = Self.words(report, of: "kube-proxy")
        StandardOutput.print("\(family.rawValue): \(done)")
        problems.add(report.failures, family.rawValue)
    }
}
