import Glibc

/// A Fairlead daemon, or a peer, as a process of its own, measured from outside.
final class BenchDaemon {
    private let process: ChildProcess
    private let began = Cost.seconds(CLOCK_MONOTONIC)
    private let log: MemoryFile
    private let isPeer: Bool
    private var isRunning = true

    /// The program beside this one.
    private static let program = String(ChildProcess.bench.dropLast("-bench".count))

    /// `peer` is the path of a kube-proxy; nil starts Fairlead.
    init(
        _ mode: DaemonMode,
        _ cluster: BenchCluster,
        peer: String? = nil,
        logsAll: Bool = false
    ) throws {
        let directory = cluster.directory
        isPeer = peer != nil
        // Not a file on a disk: what is written there is measured.
        log = try MemoryFile()
        let words: [String]
        if let peer {
            words = try PeerProxy(program: peer, mode: mode).prepare(cluster)
        } else {
            try cluster.write("fairlead.yaml", Self.configuration(mode, directory, logsAll))
            words = [Self.program, "run", "--config", "\(directory)/fairlead.yaml"]
        }
        process = try ChildProcess(words, output: log.number, error: log.number)
    }

    deinit {
        // Only where measuring has failed.
        guard isRunning else { return }
        kill(process.id, SIGKILL)
        _ = try? process.wait(endedBy: SIGKILL)
    }

    /// Seconds since it was started.
    var age: Double { Cost.seconds(CLOCK_MONOTONIC) - began }

    /// Throws once it has ended.
    func requireRunning() throws {
        var information = siginfo_t()
        let flags = WEXITED | WNOHANG | WNOWAIT
        guard waitid(P_PID, id_t(process.id), &information, flags) == 0 else {
            throw BenchFailure.system("waitid")
        }
        if information.si_signo == SIGCHLD { throw BenchFailure("the daemon has ended") }
    }

    /// Ends it, with the rules in place.
    func stop() throws {
        kill(process.id, SIGTERM)
        isRunning = false
        // kube-proxy has no handler.
        try process.wait(endedBy: isPeer ? SIGTERM : nil)
    }

    // MARK: - Account

    /// What it has done so far.
    struct Account {
        /// User and system time with that of its children, in seconds.
        var cpu: Double
        /// Handed to the disk.
        var bytes: Double
        /// Changed objects, as its log has them; nil for a peer.
        var operations: Double?

        static func - (left: Account, right: Account) -> Account {
            Account(
                cpu: left.cpu - right.cpu,
                bytes: left.bytes - right.bytes,
                operations: left.operations.flatMap { all in right.operations.map { all - $0 } }
            )
        }
    }

    func account() throws -> Account {
        let operations = try isPeer ? nil : passes().reduce(0, +)
        return Account(
            cpu: try cpu(),
            // `write_bytes` counts pages of files on a disk as they become dirty, and has the
            // children's once they have ended.
            bytes: try field("io", "write_bytes"),
            operations: operations
        )
    }

    /// User and system time so far, in seconds. That of children, such as a peer's iptables-restore,
    /// in steps of 10 ms.
    func cpu() throws -> Double {
        var clock = clockid_t()
        guard clock_getcpuclockid(process.id, &clock) == 0 else {
            throw BenchFailure("no CPU clock of \(process.id)")
        }
        let children = try ProcessTimes.of(process.id)?.endedChildren ?? 0
        let running = try isPeer ? ProcessTimes.ofChildren(of: process.id) : 0
        return Cost.seconds(clock) + children + running
    }

    /// A field of `/proc/PID/status` that is in kB, in MiB. Children are not in it.
    func memory(_ name: String) throws -> Double { try field("status", name) / 1024 }

    private func field(_ file: String, _ name: String) throws -> Double {
        let path = "/proc/\(process.id)/\(file)"
        for line in try ProcessTimes.text(path).split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count > 1, words[0] == "\(name):", let value = Double(words[1]) {
                return value
            }
        }
        throw BenchFailure("\(path) has no \(name)")
    }

    // MARK: - Log

    /// The operations of each pass that had any, and of the others where all is logged.
    private func passes() throws -> [Double] {
        try log.text.split(separator: "\n").filter { $0.contains("Pass done") }.map { line in
            let field = line.split(separator: " ").first { $0.hasPrefix("operations=") }
            guard let count = field.flatMap({ Double($0.dropFirst("operations=".count)) }) else {
                throw BenchFailure("not a line about a pass: \(line)")
            }
            return count
        }
    }

    /// What the first pass sent, once it is in the log; nil for a peer. One that sent nothing shows
    /// only where all is logged.
    func firstPassOperations() throws -> Double? {
        if isPeer { return nil }
        let end = age + 60
        while age < end {
            if let first = try passes().first { return first }
            try requireRunning()
            usleep(10_000)
        }
        throw BenchFailure("no pass in the log")
    }

    var lastLines: String { log.text.split(separator: "\n").suffix(15).joined(separator: "\n") }

    /// What iptables' own tools are to lock, too.
    static func lockFile(_ cluster: BenchCluster) -> String { lockFile(cluster.directory) }

    private static func lockFile(_ directory: String) -> String { "\(directory)/lock" }

    /// As a cluster has it, but for the places of files.
    private static func configuration(
        _ mode: DaemonMode,
        _ directory: String,
        _ logsAll: Bool
    ) -> String {
        """
        mode: \(mode.rawValue)
        node: {name: node}
        sources:
          files: ""
          stateDirectory: \(directory)
          kubernetes: {kubeconfig: \(directory)/kubeconfig}
        iptables: {lockFile: \(lockFile(directory))}
        status: {socket: \(directory)/socket}
        log: {level: \(logsAll ? "debug" : "info")}

        """
    }
}
