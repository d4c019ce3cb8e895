import Addressing
import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab

/// A node with its pods, clients, API server and daemon.
final class SoakNode {
    /// The mode that the daemon is configured for.
    private(set) var mode: SoakMode
    /// A field that a reload changes.
    private(set) var masqueradesAll = false
    let lab: NamespaceLab
    let agent = LabAgent(BuiltProgram.agent)
    let directory: String
    let server: KubernetesTestServer
    let port: Int
    let clients: [SoakClient]
    var cluster: SoakCluster
    var certificates: SoakCertificates
    let daemon: SoakDaemon
    /// Nil where the machine has not what they need.
    let sockets: SoakSockets?
    /// From its start until all was in force.
    let startMilliseconds: Int
    private let servers: [LabProcess]
    /// In which system calls the daemon was killed, and how often.
    private(set) var kills: [String: Int] = [:]

    var configuration: String { directory + "/fairlead.yaml" }
    var lockFile: String { directory + "/xtables.lock" }
    var stateDirectory: String { directory + "/state" }
    var log: String {
        (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? ""
    }

    init(_ mode: SoakMode, ballast: Int, rate: Int) async throws {
        self.mode = mode
        lab = try NamespaceLab(LabShape(name: "s\(getpid())", podsPerNode: 5))
        directory = FileManager.default.temporaryDirectory.path + "/fairlead-soak-\(getpid())"
        try FileManager.default.createDirectory(
            atPath: directory + "/state",
            withIntermediateDirectories: true
        )
        // A file system of its own, which can be full or read-only.
        try LabCommand.run([
            "mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", directory + "/state",
        ])
        sockets = SoakSockets.areHere ? try SoakSockets(in: directory) : nil
        try Self.keepAddressesWhenDown(lab)
        let (lab, agent) = (self.lab, self.agent)
        servers = try SoakService.pods.map { number in
            let endpoints = IPFamily.allCases.map { LabAddresses.pod(number, $0) }
                .map { $0.contains(":") ? "[\($0)]" : $0 }
                .flatMap { ["\($0):8080/tcp", "\($0):5353/udp"] }
            return try agent.serve(endpoints, as: "pod\(number)", in: lab.pod(number))
        }
        cluster = SoakCluster(ballast: ballast)
        certificates = try SoakCertificates(in: directory)
        var options = ServerOptions()
        options.tls = try certificates.server(0)
        server = KubernetesTestServer(cluster.state, options: options)
        port = try await server.start()
        try Self.write(
            Self.kubeconfig(port, certificates.trustedFile),
            to: directory + "/kubeconfig"
        )
        try Self.write(
            Self.text(directory, lab.node, mode, masqueradesAll: false, sockets),
            to: directory + "/fairlead.yaml"
        )
        daemon = try SoakDaemon(
            configuration: directory + "/fairlead.yaml",
            log: directory + "/log"
        )
        let began = MonotonicClock.microseconds
        guard let time = try Self.waitUntilRight(directory, daemon, .seconds(120)) else {
            throw LabError("the daemon did not start:\n\(directory)/log")
        }
        startMilliseconds = (time - began) / 1000
        let targets = (0..<SoakService.count).flatMap { SoakService(number: $0).targets }
        // Where connections come from: outside, a pod, the node itself; and a pod's that the socket level serves.
        clients =
            [("outside", lab.client), ("pod5", lab.pod(5)), ("node", lab.node)]
            .map { SoakClient($0, in: $1, targets: targets, rate: rate) }
            + [sockets].compactMap(\.self).map {
                SoakClient(
                    "socket level",
                    in: lab.pod(5),
                    targets: targets,
                    rate: rate,
                    // Far from those of the other client in there.
                    firstPort: 31_000,
                    entering: $0.entering
                )
            }
    }

    /// Addresses of a link that goes down are to be there when it comes back.
    private static func keepAddressesWhenDown(_ lab: NamespaceLab) throws {
        try LabCommand.run(
            ["sysctl", "-qw", "net.ipv6.conf.eth0.keep_addr_on_down=1"],
            in: lab.node
        )
    }

    // MARK: - What faults do

    /// Runs a program in the node's namespace, with the daemon's lock of iptables.
    @discardableResult
    func run(_ words: String...) throws -> String { try run(words) }

    @discardableResult
    func run(_ words: [String]) throws -> String {
        try LabCommand.run(["env", "XTABLES_LOCKFILE=\(lockFile)"] + words, in: lab.node)
    }

    /// The same in the background.
    func start(_ words: String...) throws -> LabProcess {
        try LabProcess(["env", "XTABLES_LOCKFILE=\(lockFile)"] + words, in: lab.node)
    }

    /// Writes the configuration anew; the daemon has to be told.
    func configure(mode: SoakMode? = nil, masqueradesAll: Bool? = nil) throws {
        self.mode = mode ?? self.mode
        self.masqueradesAll = masqueradesAll ?? self.masqueradesAll
        try Self.write(
            Self.text(
                directory,
                lab.node,
                self.mode,
                masqueradesAll: self.masqueradesAll,
                sockets
            ),
            to: configuration
        )
    }

    func keepAddressesWhenDown() throws { try Self.keepAddressesWhenDown(lab) }

    /// Runs `body` while the daemon stands still, so that what it finds is not repaired already. It does not hold
    /// the lock of iptables then, which would keep the programs of `body` waiting.
    func whileFrozen<Result>(_ body: () throws -> Result) throws -> Result {
        let deadline = Deadline(in: .seconds(30))
        daemon.freeze()
        while mode != .nftables, isLocked {
            daemon.thaw()
            // For as long as it takes: a busy machine may not let it run for a while.
            while isLocked {
                guard !deadline.hasPassed else { throw LabError("the lock is never free") }
                usleep(2000)
            }
            daemon.freeze()
        }
        defer { daemon.thaw() }
        return try body()
    }

    private var isLocked: Bool {
        let file = open(lockFile, O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        return flock(file, LOCK_EX | LOCK_NB) != 0
    }

    /// The daemon's log after so many bytes.
    func log(after mark: Int) -> String {
        String(decoding: log.utf8.dropFirst(mark), as: UTF8.self)
    }

    func note(kill call: String) { kills[call, default: 0] += 1 }

    // MARK: - Right or not

    /// Waits until the kernel has what the API server says. Returns when that is known, in microseconds of the
    /// monotonic clock; nil if it takes longer than `limit`.
    func waitUntilRight(_ limit: Duration) throws -> Int? {
        try Self.waitUntilRight(directory, daemon, limit)
    }

    private static func waitUntilRight(
        _ directory: String,
        _ daemon: SoakDaemon,
        _ limit: Duration
    ) throws -> Int? {
        let deadline = Deadline(in: limit)
        while !deadline.hasPassed {
            try daemon.look()
            let status = try LabCommand.result(
                [BuiltProgram.fairlead, "plan", "--diff", "--exit-code"]
                    + ["-c", directory + "/fairlead.yaml"]
            ).status
            // The kernel was right when the command looked, which may be at its end: a connection that fails before
            // may have met what the repair had not reached yet.
            if status == 0 { return MonotonicClock.microseconds }
            usleep(20_000)
        }
        return nil
    }

    /// What is not right, for a message.
    func difference() -> String {
        let result = try? LabCommand.result(
            [BuiltProgram.fairlead, "plan", "--diff", "-c", configuration]
        )
        let lines = (result?.output ?? "no answer").split(separator: "\n").prefix(20)
        return lines.joined(separator: "\n")
    }

    func stopClients() {
        for client in clients { client.stop() }
    }

    /// What connection tracking knows of UDP in both families, as the program conntrack lists it.
    func udpFlows() throws -> String {
        try ["ipv4", "ipv6"].map { try run("conntrack", "-L", "-p", "udp", "-f", $0) }.joined()
    }

    /// Ends everything; a copy of the daemon's log stays in the file.
    func end(keepingLog file: String?) async {
        stopClients()
        daemon.end()
        await server.stop()
        if let file {
            try? FileManager.default.removeItem(atPath: file)
            try? FileManager.default.copyItem(atPath: directory + "/log", toPath: file)
        }
        sockets?.end()
        _ = try? LabCommand.run(["umount", stateDirectory])
        try? FileManager.default.removeItem(atPath: directory)
    }

    // MARK: - Files

    private static func write(_ text: String, to file: String) throws {
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    private static func text(
        _ directory: String,
        _ namespace: String,
        _ mode: SoakMode,
        masqueradesAll: Bool,
        _ sockets: SoakSockets?
    ) -> String {
        """
        mode: \(mode.rawValue)
        node: {name: \(SoakCluster.nodeName)}
        sources:
          files: ""
          stateDirectory: \(directory)/state
          kubernetes: {kubeconfig: \(directory)/kubeconfig}
        netns: \(namespace)
        masquerade: {all: \(masqueradesAll)}
        detectLocal: {clusterCIDRs: [\(LabAddresses.podRanges[0]), "\(LabAddresses.podRanges[1])"]}
        iptables: {lockFile: \(directory)/xtables.lock}
        status: {socket: \(directory)/fairlead.sock}
        \(sockets?.section ?? "")

        """
    }

    private static func kubeconfig(_ port: Int, _ authority: String) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: soak
        contexts: [{name: soak, context: {cluster: soak, user: soak}}]
        clusters: [{name: soak, cluster: {server: "https://127.0.0.1:\(port)", certificate-authority: \(authority)}}]
        users: [{name: soak, user: {}}]

        """
    }
}
