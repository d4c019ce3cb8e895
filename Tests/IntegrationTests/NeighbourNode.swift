import Addressing
import Foundation
import NamespaceLab
import Testing

/// A node with Services of every policy and a neighbour.
final class NeighbourNode {
    let fixture: DaemonFixture
    var lab: NamespaceLab { fixture.lab }

    init(_ mode: String) throws {
        fixture = try DaemonFixture(mode: mode)
        try fixture.write(
            """
            services:
              - name: shop/web
                address: 10.96.0.10
                ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
                endpoints: [{address: 10.180.0.11, node: node-a}]
              - name: shop/local
                address: 10.96.0.11
                ports: [{port: 80, targetPort: 8080}]
                externalIPs: [198.51.100.7]
                externalTrafficPolicy: Local
                endpoints: [{address: 10.180.0.12, node: node-a}]
              - name: shop/six
                address: fd00:96::10
                ports: [{port: 80, targetPort: 8080}]
                endpoints: [{address: "fd00:180::11", node: node-a}]

            """
        )
        try fixture.start()
        try fixture.waitUntilApplied()
    }

    deinit { _ = try? fixture.stop() }

    // MARK: - The neighbour

    /// Lines of arguments.
    func iptables(_ lines: String, program: String = "iptables-legacy") throws {
        for line in lines.split(separator: "\n") {
            try fixture.run([program] + line.split(separator: " ").map(String.init))
        }
    }

    func nft(_ ruleset: String) throws {
        try fixture.run(["sh", "-c", "echo '\(ruleset)' | nft -f -"])
    }

    func sysctl(_ setting: String) throws {
        try fixture.run(["sysctl", "-q", "-w", setting])
    }

    // MARK: - Services

    func connect(_ endpoint: String, from namespace: String) throws -> [String] {
        // Long enough for a SYN that is repeated after a second.
        try fixture.agent.connect(to: endpoint, in: namespace, timeout: .milliseconds(1600))
    }

    /// From a pod, an endpoint to itself, the node and outside; where, and what is right.
    private var connections: [(from: String, to: String, answer: String)] {
        [
            (lab.pod(3), "10.96.0.10:80/tcp", "pod1 10.180.0.13"),
            (lab.pod(1), "10.96.0.10:80/tcp", "pod1 10.180.0.1"),
            (lab.node, "10.96.0.10:80/tcp", "pod1 10.180.0.1"),
            (lab.client, "10.96.0.10:80/tcp", "pod1 10.180.0.1"),
            (lab.client, "192.0.2.1:30080/tcp", "pod1 10.180.0.1"),
            (lab.client, "198.51.100.7:80/tcp", "pod2 192.0.2.100"),
            (lab.pod(3), "198.51.100.7:80/tcp", "pod2 10.180.0.13"),
        ]
    }

    func hasServices() throws -> Bool {
        try connections.allSatisfy { try connect($0.to, from: $0.from) == [$0.answer] }
    }

    func expectServices(sourceLocation: SourceLocation = #_sourceLocation) throws {
        for (from, to, answer) in connections {
            #expect(
                try connect(to, from: from) == [answer],
                "\(from) to \(to)",
                sourceLocation: sourceLocation
            )
        }
    }

    /// Whether a pod reaches an endpoint on its own bridge through a Service of IPv6, having to
    /// find out its link-layer address first.
    func hasIPv6Service() throws -> Bool {
        for pod in [1, 3] {
            try LabCommand.run(["ip", "-n", lab.pod(pod), "neigh", "flush", "all"])
        }
        return try connect("[fd00:96::10]:80/tcp", from: lab.pod(3)) == ["pod1 fd00:180::13"]
    }

    // MARK: - What other tools say

    /// All rules of iptables, as its four programs for saving them have them. Fails if one of the
    /// tools that people use cannot read what is there.
    func rulesOfTools() throws -> [String] {
        try run(["nft", "list", "ruleset"])
        var rules: [String] = []
        for family in ["iptables", "ip6tables"] {
            for kind in ["legacy", "nft"] {
                let saved = try run(["\(family)-\(kind)-save"])
                rules += saved.split(separator: "\n").filter { $0.hasPrefix("-A") }.map {
                    "\(family)-\(kind): \($0)"
                }
                guard saved.contains("*filter") else { continue }
                try run(["\(family)-\(kind)", "-S"])
            }
        }
        return rules
    }

    @discardableResult
    private func run(_ arguments: [String]) throws -> String {
        try fixture.run(arguments)
    }

    // MARK: - What Fairlead says

    /// Lines of `fairlead check` about a subject that are not fine.
    func findings(_ subject: String) throws -> [String] {
        try fixture.fairlead("check").output.split(separator: "\n").map(String.init).filter {
            $0.contains(subject) && !$0.hasPrefix("ok")
        }
    }

    /// Does what the finding says: `path` comes first in the search for programs. Afterwards the
    /// finding is gone, and other tools read all that they read before.
    func follow(
        _ subject: String,
        about words: String = "",
        path: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try rulesOfTools()
        try runCure(subject, about: words, path: path, sourceLocation)
        let after = try rulesOfTools()
        #expect(before.filter { !after.contains($0) } == [], sourceLocation: sourceLocation)
    }

    /// The same where iptables cannot read the tables, neither before nor after.
    func followNative(
        _ subject: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try runCure(subject, about: "", path: nil, sourceLocation)
        try run(["nft", "list", "ruleset"])
    }

    private func runCure(
        _ subject: String,
        about words: String,
        path: String?,
        _ sourceLocation: SourceLocation
    ) throws {
        let finding = try #require(
            findings(subject).first { words.isEmpty || $0.contains(words) },
            sourceLocation: sourceLocation
        )
        let command = try #require(
            finding.range(of: ", run: ").map { String(finding[$0.upperBound...]) },
            "\(finding)",
            sourceLocation: sourceLocation
        )
        let search = path.map { "PATH=\($0):$PATH; " } ?? ""
        try fixture.run(["sh", "-c", search + command])
        #expect(
            try findings(subject).filter { words.isEmpty || $0.contains(words) } == [],
            sourceLocation: sourceLocation
        )
    }
}
