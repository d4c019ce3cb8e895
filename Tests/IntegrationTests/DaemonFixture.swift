import Addressing
import Foundation
import Glibc
import NamespaceLab

/// A lab with servers on its pods and a daemon for its node, all gone with the fixture.
final class DaemonFixture {
    let lab: NamespaceLab
    let agent = LabAgent(BuiltProgram.agent)
    let directory: String
    private(set) var mode: String
    private let extra: String
    private let sources: String?
    private let localDetector: String?
    private let driftCheckInterval: String
    private var pods: [LabProcess] = []
    private(set) var daemon: LabProcess?

    /// `servers` run on all pods, on ports 8080/tcp and 5353/udp of both families. `extra` are more
    /// lines of configuration; `sources` are those of
    /// its section, in place of the manifests. The daemon looks for changes of other programs once in
    /// `driftCheckInterval`.
    init(
        mode: String = "iptables",
        servers: Bool = true,
        sources: String? = nil,
        localDetector: String? = nil,
        driftCheckInterval: String = "200ms",
        extra: String = ""
    ) throws {
        self.mode = mode
        self.extra = extra
        self.driftCheckInterval = driftCheckInterval
        self.sources = sources
        self.localDetector = localDetector
        lab = try NamespaceLab(name: "i\(getpid())")
        directory = Self.directory
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(
            atPath: directory + "/services.d",
            withIntermediateDirectories: true
        )
        try changeMode(mode)
        guard servers else { return }
        for number in 1...LabAddresses.pods {
            let addresses = IPFamily.allCases.map { LabAddresses.pod(number, $0) }
            let endpoints = addresses.flatMap {
                [Self.endpoint($0, "8080/tcp"), Self.endpoint($0, "5353/udp")]
            }
            pods.append(
                try agent.serve(endpoints, as: "pod\(number)", in: lab.pod(number))
            )
        }
    }

    /// With a daemon that follows the API server on a port of 127.0.0.1, and no files. `fields` are
    /// more ones of `sources.kubernetes`.
    convenience init(
        mode: String = "iptables",
        servers: Bool = true,
        apiServer port: Int,
        fields: String = "",
        localDetector: String? = nil
    ) throws {
        let kubeconfig = Self.directory + "/kubeconfig"
        let all = "kubeconfig: \(kubeconfig)" + (fields.isEmpty ? "" : ", \(fields)")
        try self.init(
            mode: mode,
            servers: servers,
            sources: "files: \"\"\n  kubernetes: {\(all)}",
            localDetector: localDetector
        )
        try LifeCluster.kubeconfig(port).write(
            toFile: kubeconfig,
            atomically: true,
            encoding: .utf8
        )
    }

    private static let directory =
        FileManager.default.temporaryDirectory.path + "/fairlead-test-\(getpid())"

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    var configuration: String { "\(directory)/fairlead.yaml" }
    var log: String {
        (try? String(contentsOfFile: "\(directory)/log", encoding: .utf8)) ?? ""
    }

    /// For the next start.
    func changeMode(_ mode: String) throws {
        self.mode = mode
        let sources = self.sources ?? "files: \(directory)/services.d"
        let detector =
            localDetector
            ?? "detectLocal: {clusterCIDRs: [\(LabAddresses.podRanges[0]), \"\(LabAddresses.podRanges[1])\"]}"
        let common = Self.configuration(directory, sources, detector, netns: lab.node)
        let looks = "reconcile: {driftCheckInterval: \(driftCheckInterval)}\n"
        try (common + looks + "mode: \(mode)\n" + extra)
            .write(toFile: configuration, atomically: true, encoding: .utf8)
    }

    private static func configuration(
        _ directory: String,
        _ sources: String,
        _ detector: String,
        netns: String
    ) -> String {
        """
        node:
          name: node-a
          addresses: [\(LabAddresses.node(.ipv4)), "\(LabAddresses.node(.ipv6))"]
        sources:
          \(sources)
          stateDirectory: \(directory)/state
        netns: \(netns)
        \(detector)
        iptables: {lockFile: \(directory)/xtables.lock}
        status: {socket: \(directory)/fairlead.sock}

        """
    }

    /// `10.0.0.1:80/tcp` or `[fd00::1]:80/tcp`.
    static func endpoint(_ address: String, _ port: String) -> String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    // MARK: - Manifests

    /// Puts a manifest into the daemon's directory, as editors do: written beside, then renamed.
    func write(_ manifest: String, to file: String = "services.yaml") throws {
        try manifest.write(
            toFile: "\(directory)/services.d/\(file)",
            atomically: true,
            encoding: .utf8
        )
    }

    func remove(_ file: String) throws {
        try FileManager.default.removeItem(atPath: "\(directory)/services.d/\(file)")
    }

    // MARK: - The daemon

    /// `environment` are variables for the daemon alone: `NAME=value`.
    func start(environment: [String] = []) throws {
        try start(after: "", by: ["env"] + environment)
    }

    /// With a read-only `/proc/sys`, as the daemon of a container has it.
    func startWithReadOnlySettings() throws {
        let seal = "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && "
        try start(after: seal, by: ["unshare", "--mount", "--propagation", "private"])
    }

    /// With files mounted over others, for it alone.
    func start(mounting files: [String: String]) throws {
        let mounts = files.map { "mount --bind \($0.key) \($0.value) && " }
        try start(
            after: mounts.joined(),
            by: ["unshare", "--mount", "--propagation", "private"]
        )
    }

    /// With a hangup that was sent before the program, and is held back.
    func startWithHangup(environment: [String]) throws {
        let script = """
            import os, signal, sys
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
            os.kill(os.getpid(), signal.SIGHUP)
            os.execvp(sys.argv[1], sys.argv[1:])
            """
        try start(after: "", by: ["env"] + environment + ["/usr/bin/python3", "-c", script])
    }

    /// As the first process of a container; `daemon` is its parent. Returns its process number outside.
    func startAsFirstProcess() throws -> pid_t {
        try start(after: "", by: ["unshare", "--pid", "--fork", "--kill-child"])
        let parent = daemon?.pid ?? 0
        var child: pid_t?
        try wait(for: "first process") {
            child =
                (try? String(
                    contentsOfFile: "/proc/\(parent)/task/\(parent)/children",
                    encoding: .utf8
                ))
                .flatMap { $0.split(separator: " ").first }.flatMap { pid_t($0) }
            return child != nil
        }
        return child ?? 0
    }

    private func start(after preparation: String, by wrapper: [String]) throws {
        daemon = try LabProcess(
            wrapper + [
                "sh", "-c", preparation + "exec \"$0\" run -c \"$1\" >>\"$2\" 2>&1",
                BuiltProgram.fairlead, configuration, "\(directory)/log",
            ]
        )
    }

    /// Ends the daemon and returns its exit status.
    @discardableResult
    func stop(_ signal: Int32 = SIGTERM) throws -> Int32 {
        guard let daemon else { return 0 }
        daemon.signal(signal)
        self.daemon = nil
        return try daemon.finish().status
    }

    /// Runs `body` while the daemon waits in a pass for the lock of iptables: it has read and planned,
    /// and has written nothing. `change` is what brings the pass about.
    func holdingPass<Result>(
        after change: () throws -> Void,
        _ body: () throws -> Result
    ) throws -> Result {
        let lock = open("\(directory)/xtables.lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX) == 0 else {
            throw LabError("\(directory)/xtables.lock: \(String(cString: strerror(errno)))")
        }
        defer { close(lock) }
        try change()
        guard try eventually(within: .seconds(30), { isSleeping }) else {
            throw LabError("no pass waits for the lock\n\(log)")
        }
        return try body()
    }

    /// Whether a thread of the daemon is in nanosleep(2), as between two tries to get the lock.
    private var isSleeping: Bool {
        guard let daemon else { return false }
        let tasks = "/proc/\(daemon.pid)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.contains { thread in
            let place = try? String(contentsOfFile: "\(tasks)/\(thread)/wchan", encoding: .utf8)
            return place == "hrtimer_nanosleep"
        }
    }

    /// Runs a command of the program with the fixture's configuration.
    func fairlead(_ arguments: String...) throws -> (output: String, status: Int32) {
        try LabCommand.result(
            [BuiltProgram.fairlead] + arguments + ["-c", configuration],
            Deadline(in: .seconds(60))
        )
    }

    /// Waits until the kernel holds what the manifests ask for.
    func waitUntilApplied(_ limit: Duration = .seconds(60)) throws {
        let deadline = Deadline(in: limit)
        var last = ""
        while !deadline.hasPassed {
            let result = try fairlead("plan", "--diff", "--exit-code")
            if result.status == 0 { return }
            last = result.output
            usleep(50_000)
        }
        throw LabError("not applied in time; still:\n\(last)\nlog:\n\(log)")
    }

    private func metrics() throws -> String {
        try LabCommand.run(["curl", "-sf", "http://127.0.0.1:10249/metrics"], in: lab.node)
    }

    /// One sample, by its name with labels; 0 if there is none.
    func sample(_ name: String) throws -> Double {
        let line = try metrics().split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
    }

    /// The sum of a metric's samples.
    func metric(_ name: String) throws -> Double {
        let page = try metrics()
        return page.split(separator: "\n")
            .filter { $0.hasPrefix(name + "{") || $0.hasPrefix(name + " ") }
            .reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "") ?? 0) }
    }

    /// Waits until `condition` holds; throws with the log if that takes a minute.
    func wait(for what: String, _ condition: () throws -> Bool) throws {
        guard try eventually(condition) else { throw LabError("no \(what)\nlog:\n\(log)") }
    }

    /// Runs a program in the node's namespace. If it is iptables, it shares the daemon's lock and
    /// leaves the host's alone.
    @discardableResult
    func run(_ arguments: [String]) throws -> String {
        try LabCommand.run(
            ["env", "XTABLES_LOCKFILE=\(directory)/xtables.lock"] + arguments,
            in: lab.node
        )
    }

    /// Rules of the node, with counters where asked, without iptables-save's own comments. Chains
    /// are without counts: a built-in one counts all the time, neighbour discovery for instance.
    func rules(_ family: IPFamily, counters: Bool = false) throws -> [String] {
        let program = family == .ipv4 ? "iptables-legacy-save" : "ip6tables-legacy-save"
        return try run([program] + (counters ? ["-c"] : []))
            .split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
            .map { $0.hasPrefix(":") ? String($0.prefix { $0 != "[" }) : $0 }
    }

    @discardableResult
    func iptables(_ arguments: String...) throws -> String {
        try run(["iptables-legacy"] + arguments)
    }
}
