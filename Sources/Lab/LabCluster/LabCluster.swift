package import Addressing
import Glibc
package import NamespaceLab

/// A lab that outlives the program that made it: a network, a server on each pod, and on request a
/// Fairlead for each node.
package struct LabCluster {
    package static let port = 8080
    package static let datagramPort = 5353

    package let home: LabHome
    package var shape: LabShape { home.shape }
    package var agent: LabAgent { LabAgent.ofThisProgram }

    /// Path of the program that the nodes run; empty if none was started.
    package var fairlead: String { home.read("fairlead") }

    package init(_ home: LabHome) {
        self.home = home
    }

    /// Builds everything but the daemons, in place of what an earlier lab of this name left. Throws
    /// if a step fails or a server does not start, and then leaves nothing. Says what it is at.
    package static func up(
        _ shape: LabShape,
        progress: (String) -> Void = { _ in }
    ) throws(LabError) -> LabCluster {
        try LabBuilder.remove(shape.name)
        let cluster = LabCluster(try LabHome.make(for: shape))
        do {
            try LabBuilder.build(shape, progress: progress)
            try cluster.startServers(progress)
            return cluster
        } catch {
            _ = try? Self.down(shape.name)
            throw error
        }
    }

    /// Removes a lab, complete or not, and returns the names of what it removed. Throws for a name
    /// that no lab can have, and if something cannot be removed.
    @discardableResult
    package static func down(_ name: String) throws(LabError) -> [String] {
        try LabShape.check(name: name)
        let namespaces = try LabBuilder.remove(name)
        return try LabHome.remove(name) ? namespaces + ["files"] : namespaces
    }

    /// `10.0.0.1:80/tcp` or `[fd00::1]:80/tcp`.
    package static func endpoint(
        _ address: String,
        _ port: Int,
        _ transport: TransportProtocol
    ) -> String {
        (address.contains(":") ? "[\(address)]" : address) + ":\(port)/\(transport.keyword)"
    }

    private func startServers(_ progress: (String) -> Void) throws(LabError) {
        for pod in shape.pods {
            progress("starting the server of \(pod.name)")
            let endpoints = shape.families.map(pod.address).flatMap {
                [Self.endpoint($0, Self.port, .tcp), Self.endpoint($0, Self.datagramPort, .udp)]
            }
            try agent.serveDetached(
                endpoints,
                as: pod.name,
                in: shape.pod(pod.number),
                log: home.log(of: pod.name)
            )
        }
        let deadline = Deadline(in: .seconds(30))
        for pod in shape.pods {
            while !home.logged(by: pod.name).contains("ready\n") {
                guard !deadline.hasPassed else {
                    throw LabError(
                        "\(pod.name): server did not start:\n\(home.logged(by: pod.name))"
                    )
                }
                usleep(5000)
            }
        }
    }

    // MARK: - Daemons

    /// Starts a Fairlead for each node, in place of running ones, and waits until they have applied
    /// the manifests. Throws if one cannot be started, or not in time. Says what it is at.
    package func startProxies(
        fairlead: String,
        mode: String,
        progress: (String) -> Void = { _ in }
    ) throws(LabError) {
        stopProxies()
        try home.write(fairlead, to: "fairlead")
        // Before the daemons, whose mounts are those of this moment.
        // Where that fails, so does switching the socket level on.
        _ = try? socketLevel.make(shape.nodeNumbers)
        for node in shape.nodeNumbers {
            try home.write(configuration(node, mode: mode), to: "node\(node).yaml")
            try LabProcess.detach(
                [fairlead, "run", "-c", home.configuration(ofNode: node)],
                in: shape.node(node),
                log: home.log(of: "node\(node)")
            )
        }
        try waitUntilApplied(progress: progress)
    }

    /// Ends the daemons; their rules stay.
    package func stopProxies() {
        guard !fairlead.isEmpty else { return }
        for node in shape.nodeNumbers {
            NamespaceProcesses([shape.node(node)], running: [fairlead, "run"]).end()
        }
    }

    /// The configured mode; `unknown` before daemons were started.
    package var mode: String {
        let file = home.read("node1.yaml")
        let line = file.split(separator: "\n").first { $0.hasPrefix("mode: ") }
        return line.map { String($0.dropFirst(6)) } ?? "unknown"
    }

    /// Whether a daemon runs on every node.
    package var hasProxies: Bool {
        !fairlead.isEmpty
            && shape.nodeNumbers.allSatisfy {
                !NamespaceProcesses([shape.node($0)], running: [fairlead, "run"]).pids.isEmpty
            }
    }

    /// Waits until every node's kernel holds what the manifests ask for, as `command` says by its exit status; throws
    /// after `limit`, with the difference and the log.
    package func waitUntilApplied(
        _ limit: Duration = .seconds(60),
        by command: [String] = ["plan", "--diff", "--exit-code"],
        progress: (String) -> Void = { _ in }
    ) throws(LabError) {
        let deadline = Deadline(in: limit)
        for node in shape.nodeNumbers {
            progress("node\(node): waiting until its kernel has all rules")
            while true {
                let (output, status) = try run(command, onNode: node)
                if status == 0 { break }
                guard !deadline.hasPassed else {
                    throw LabError(
                        "node\(node): not applied in time; still:\n\(output)\n\(home.logged(by: "node\(node)"))"
                    )
                }
                usleep(50_000)
            }
        }
    }

    /// Runs a command of the program with a node's configuration.
    package func run(
        _ arguments: [String],
        onNode node: Int
    ) throws(LabError) -> (output: String, status: Int32) {
        try LabCommand.result(
            [fairlead] + arguments + ["-c", home.configuration(ofNode: node)],
            Deadline(in: .seconds(60))
        )
    }

    func configuration(_ node: Int, mode: String, hasSockets: Bool = false) -> String {
        func list(_ items: [String]) -> String {
            "[\(items.map { "\"\($0)\"" }.joined(separator: ", "))]"
        }
        let families = shape.families
        return """
            mode: \(mode)
            families: [\(families.map(\.rawValue).joined(separator: ", "))]
            node:
              name: node\(node)
              zone: zone\(node)
              addresses: \(list(families.map { LabAddresses.node($0, node) }))
            sources:
              files: \(home.services)
              stateDirectory: \(home.directory)/node\(node).state
            netns: \(shape.node(node))
            detectLocal:
              mode: NodeCIDR
              nodeCIDRs: \(list(families.map { LabAddresses.podRange($0, node: node) }))
            serviceCIDRs: \(list(families.map(LabAddresses.clusterRange)))
            iptables: {lockFile: \(home.directory)/node\(node).lock}
            status: {socket: \(home.directory)/node\(node).sock}

            """ + socketLevel.configuration(ofNode: node, isOn: hasSockets)
    }
}
