import Addressing
import ArgumentParser
import Foundation
import NamespaceLab

/// The tour: a lab, a daemon, and what it does for real connections.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show the daemon at work in a lab, then remove everything."
    )

    @OptionGroup var program: FairleadOption

    func run() throws {
        let stage = try DemoStage(fairlead: program.path())
        defer { stage.close() }
        try stage.showPlan()
        try stage.startDaemon()
        try stage.showSpread("A hundred connections from pod3", in: stage.lab.pod(3))
        try stage.showOutside()
        try stage.showEndpointChanges()
        try stage.showTrace()
        try stage.showRepair()
        try stage.showCleanup()
    }
}

/// The lab, servers and daemon of the demo.
private final class DemoStage {
    let lab: NamespaceLab
    private let fairlead: String
    private let agent: LabAgent
    private let directory: String
    private let pods: [LabProcess]
    private var daemon: LabProcess?

    private static let vip = "10.96.0.10:80/tcp"

    init(fairlead: String) throws {
        Self.title("A node, three pods on its bridge, and a client outside")
        lab = try NamespaceLab(name: "demo")
        print("  \(lab.client) 192.0.2.100 ── \(lab.node) 192.0.2.1 ── cni0 ── pods 10.180.0.11-13")
        self.fairlead = fairlead
        agent = LabAgent.ofThisProgram
        directory = FileManager.default.temporaryDirectory.path + "/fairlead-demo"
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(
            atPath: directory + "/services.d",
            withIntermediateDirectories: true
        )
        var pods: [LabProcess] = []
        for number in 1...LabAddresses.pods {
            let endpoint = "\(LabAddresses.pod(number, .ipv4)):8080/tcp"
            pods.append(try self.agent.serve([endpoint], as: "pod\(number)", in: lab.pod(number)))
        }
        self.pods = pods
        try write(configuration, to: "fairlead.yaml")
        try writeService(pods: [1, 2, 3])
        // iptables and the daemon share this lock instead of the host's.
        setenv("XTABLES_LOCKFILE", "\(directory)/xtables.lock", 1)
    }

    func close() {
        daemon?.signal(SIGTERM)
        try? FileManager.default.removeItem(atPath: directory)
    }

    private var configuration: String {
        """
        node: {name: demo, addresses: [192.0.2.1]}
        families: [IPv4]
        sources: {files: \(directory)/services.d, stateDirectory: \(directory)/state}
        netns: \(lab.node)
        detectLocal: {clusterCIDRs: [10.180.0.0/24]}
        iptables: {lockFile: \(directory)/xtables.lock}

        """
    }

    private func writeService(pods: [Int]) throws {
        let endpoints = pods.map { "      - address: \(LabAddresses.pod($0, .ipv4))\n" }
        try write(
            """
            services:
              - name: demo/web
                address: 10.96.0.10
                ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
                endpoints:
            \(endpoints.joined())
            """,
            to: "services.d/web.yaml"
        )
    }

    private func write(_ text: String, to file: String) throws {
        try text.write(toFile: "\(directory)/\(file)", atomically: true, encoding: .utf8)
    }

    // MARK: - Steps

    func showPlan() throws {
        Self.title("The Service, and what Fairlead would program")
        show(try String(contentsOfFile: "\(directory)/services.d/web.yaml", encoding: .utf8))
        print("\n  $ fairlead plan")
        show(try run("plan"))
    }

    func startDaemon() throws {
        Self.title("The daemon starts")
        daemon = try LabProcess([fairlead, "run", "-c", "\(directory)/fairlead.yaml"])
        show(try daemon?.waitForLine(containing: "Pass done") ?? "")
    }

    func showSpread(_ title: String, in namespace: String, to target: String = vip) throws {
        Self.title("\(title) to \(target)")
        try showSpread(in: namespace, to: target)
    }

    private func showSpread(in namespace: String, to target: String) throws {
        let answers = try agent.connect(to: target, in: namespace, count: 100)
        for (count, text) in OutcomeCounts(answers).rows {
            let number = String(repeating: " ", count: max(0, 3 - "\(count)".count)) + "\(count)"
            print("  \(number) \(String(repeating: "▇", count: (count + 1) / 2)) \(text)")
        }
    }

    func showOutside() throws {
        try showSpread(
            "A hundred connections from outside",
            in: lab.client,
            to: "\(LabAddresses.node(.ipv4)):30080/tcp"
        )
    }

    func showEndpointChanges() throws {
        let connection = try agent.hold(Self.vip, in: lab.client)
        Self.title("pod2 is removed from the file, while a connection is open")
        try writeService(pods: [1, 3])
        show(try daemon?.waitForLine(containing: "Pass done") ?? "")
        try showSpread(in: lab.pod(3), to: Self.vip)
        Self.title("pod2 is back in the file")
        try writeService(pods: [1, 2, 3])
        show(try daemon?.waitForLine(containing: "Pass done") ?? "")
        try showSpread(in: lab.pod(3), to: Self.vip)
        let alive = connection.isAlive()
        print(
            "  the open connection to \(connection.greeting) \(alive ? "still answers" : "broke")"
        )
        guard alive else { throw LabError("the open connection broke") }
    }

    func showTrace() throws {
        Self.title("Where a packet would go, and why")
        print("  $ fairlead trace --kernel --from 192.0.2.100 --to \(Self.vip)")
        show(try run("trace", "--kernel", "--from", "192.0.2.100", "--to", Self.vip))
    }

    func showRepair() throws {
        Self.title("Another program flushes the nat table")
        let begin = ContinuousClock.now
        try LabCommand.run(["iptables-legacy", "-t", "nat", "-F"], in: lab.node)
        show(try daemon?.waitForLine(containing: "Repaired") ?? "")
        let result = try LabCommand.result(
            [fairlead, "plan", "--diff", "--exit-code", "-c", "\(directory)/fairlead.yaml"]
        )
        print("  $ fairlead plan --diff --exit-code")
        show(result.output)
        guard result.status == 0 else { throw LabError("the flush was not repaired") }
        let took = (ContinuousClock.now - begin) / Duration.milliseconds(1)
        print("  repaired within \(Int(took)) ms")
        try showSpread(in: lab.pod(3), to: Self.vip)
    }

    func showCleanup() throws {
        Self.title("The daemon stops, its rules stay, until they are cleaned up")
        daemon?.signal(SIGTERM)
        let status = try daemon?.finish().status
        daemon = nil
        guard status == 0 else { throw LabError("the daemon ended with \(status ?? -1)") }
        try showSpread(in: lab.pod(3), to: Self.vip)
        print("  $ fairlead cleanup")
        show(try run("cleanup"))
    }

    // MARK: - Output

    private func run(_ arguments: String...) throws -> String {
        try LabCommand.run([fairlead] + arguments + ["-c", "\(directory)/fairlead.yaml"])
    }

    private static func title(_ text: String) {
        print("\n\u{1b}[1m── \(text)\u{1b}[0m")
    }

    private func show(_ text: String) {
        for line in text.split(separator: "\n") { print("  \(line)") }
    }
}
