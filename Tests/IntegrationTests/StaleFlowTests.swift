import Addressing
import Foundation
import Glibc
import NamespaceLab
import Testing

/// What becomes of a UDP client that keeps its source port, and so its flow.
struct StaleFlowScript {
    let fixture: DaemonFixture
    let family: IPFamily

    private static let nodePort = 30053

    private var vip: String { family == .ipv4 ? "10.96.0.53" : "fd00:96::53" }
    private var frontend: String { DaemonFixture.endpoint(vip, "53/udp") }

    private func manifest(_ pods: Int..., policy: String = "Cluster") -> String {
        let endpoints = pods.map { "{address: \"\(LabAddresses.pod($0, family))\", node: node-a}" }
        return """
            services:
              - name: shop/dns
                address: "\(vip)"
                ports: [{port: 53, targetPort: 5353, protocol: UDP, nodePort: \(Self.nodePort)}]
                externalTrafficPolicy: \(policy)
                endpoints: [\(endpoints.joined(separator: ", "))]

            """
    }

    /// Who answers a datagram from the client's one source port.
    private func answer(
        _ endpoint: String? = nil,
        timeout: Duration = .milliseconds(150)
    ) throws -> String {
        let lines = try fixture.agent.connect(
            to: endpoint ?? frontend,
            from: LabAddresses.client(family),
            port: 5000,
            in: fixture.lab.client,
            timeout: timeout
        )
        return String((lines.first ?? "").prefix { $0 != " " })
    }

    /// Sends until `expected` answers. Without the deletion of the flow it never does, as each
    /// datagram keeps the flow alive.
    private func expect(
        _ expected: String,
        _ endpoint: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var last = ""
        let answered = try eventually {
            last = try answer(endpoint)
            return last == expected
        }
        #expect(
            answered,
            "\(last) answered, not \(expected)\n\(fixture.log)",
            sourceLocation: sourceLocation
        )
    }

    /// The table's entries but for those of the client's own flow.
    private func others() throws -> [String] {
        try fixture.run(["conntrack", "-L", "-f", family == .ipv4 ? "ipv4" : "ipv6"])
            .split(separator: "\n").filter { $0.contains("sport=70") }
            .map { line in
                line.split(separator: " ").filter { Int($0) == nil }.joined(separator: " ")
            }
            .sorted()
    }

    private func insert(_ options: String) throws {
        try fixture.run(
            ["conntrack", "-I", "-t", "600"] + options.split(separator: " ").map(String.init)
        )
    }

    /// Flows that look like the Service's and are not.
    private func insertOthers() throws {
        let (client, node) = (LabAddresses.client(family), LabAddresses.node(family))
        let stranger = family == .ipv4 ? "203.0.113.9" : "2001:db8:113::9"
        // A node port's number at an address of another host, from this node to there.
        try insert("-p udp -s \(node) -d \(stranger) --sport 7001 --dport \(Self.nodePort)")
        try insert("-p udp -s \(client) -d \(stranger) --sport 7002 --dport 53")
        // Another port of the Service's address, and TCP at its own.
        try insert("-p udp -s \(client) -d \(vip) --sport 7003 --dport 54")
        try insert("-p tcp -s \(client) -d \(vip) --sport 7004 --dport 53 --state ESTABLISHED")
        // Another zone, which the machine's kernel does not have.
        guard fixture.mode != "ipvs" else { return }
        try insert("-p udp -s \(client) -d \(vip) --sport 7005 --dport 53 -w 9")
    }

    /// Waits until the daemon has looked through the table after all that was written up to now: a
    /// flow to an address that gets a Service last is deleted by then.
    private func waitUntilCleaned(_ number: Int) throws {
        let address = family == .ipv4 ? "10.96.1.\(number)" : "fd00:96::1:\(number)"
        let entry = "-p udp -s \(LabAddresses.client(family)) -d \(address) --sport 6001 --dport 53"
        try insert(entry)
        try fixture.write(
            """
            services:
              - name: witness/w\(number)
                address: "\(address)"
                ports: [{port: 53, targetPort: 5353, protocol: UDP}]
                endpoints: [{address: "\(LabAddresses.pod(1, family))", node: node-a}]

            """,
            to: "witness\(number).yaml"
        )
        let isGone = try eventually {
            try !fixture.run(["conntrack", "-L", "-f", family == .ipv4 ? "ipv4" : "ipv6"])
                .contains("dst=\(address) sport=6001 ")
        }
        #expect(isGone, "\(fixture.log)")
    }

    func check() throws {
        try insertOthers()
        let others = try others()
        #expect(others.count == (fixture.mode == "ipvs" ? 4 : 5))
        try fixture.write(LifeScript.ballast(1), to: "other.yaml")
        try fixture.start()
        try fixture.waitUntilApplied()
        // The flow begins before there is a Service.
        #expect(try answer() != "pod1")
        try fixture.write(manifest(1))
        try expect("pod1")
        try fixture.write(manifest(2))
        try expect("pod2")
        // An endpoint more lets the flow be.
        try fixture.write(manifest(1, 2, 3))
        try waitUntilCleaned(1)
        #expect(try answer(timeout: .seconds(2)) == "pod2")
        // Without an endpoint there is no answer, not from the former one either.
        try fixture.write(manifest())
        try expect("refused")
        try fixture.write(manifest(3))
        try expect("pod3")
        try checkNodePort()
        try fixture.remove("services.yaml")
        try fixture.waitUntilApplied()
        try waitUntilCleaned(2)
        #expect(try !["pod1", "pod2", "pod3"].contains(answer()))
        #expect(try self.others() == others)
        try fixture.stop()
        #expect(!fixture.log.contains("stale conntrack entries"), "\(fixture.log)")
    }

    /// Switched off, a client goes where it went.
    func checkSwitchedOff() throws {
        try fixture.write(manifest(1))
        try fixture.start()
        try fixture.waitUntilApplied()
        try expect("pod1")
        try fixture.write(manifest(2))
        try fixture.waitUntilApplied()
        // Nothing is deleted any more once it has ended.
        try fixture.stop()
        #expect(try answer(timeout: .seconds(2)) == "pod1")
    }

    /// A flow to an address of the node that accepts node ports, then does not, then does again.
    func checkWithdrawn() throws {
        let bridge = DaemonFixture.endpoint(LabAddresses.bridge(family), "\(Self.nodePort)/udp")
        let good = try String(contentsOfFile: fixture.configuration, encoding: .utf8)
        func configure(_ more: String) throws {
            try (good + more).write(
                toFile: fixture.configuration,
                atomically: false,
                encoding: .utf8
            )
        }
        try fixture.write(manifest(1))
        try fixture.start()
        try fixture.waitUntilApplied()
        try expect("pod1", bridge)
        try configure("nodePorts: {addresses: [primary]}\n")
        try expect("refused", bridge)
        try fixture.write(manifest(2))
        try fixture.waitUntilApplied()
        #expect(try answer(bridge) != "pod1")
        try configure("")
        try expect("pod2", bridge)
        try fixture.stop()
    }

    /// With policy Local, where the client's address reaches the pods.
    private func checkNodePort() throws {
        let node = DaemonFixture.endpoint(LabAddresses.node(family), "\(Self.nodePort)/udp")
        try fixture.write(manifest(1, policy: "Local"))
        try expect("pod1", node)
        try fixture.write(manifest(2, policy: "Local"))
        try expect("pod2", node)
    }
}

extension KernelSuites {
    @Suite("UDP flows to former endpoints")
    struct StaleFlowTests {
        @Test(
            "A client that keeps its port moves to the live endpoint at once",
            arguments: ["iptables", "nftables"],
            IPFamily.allCases
        )
        func moves(_ mode: String, _ family: IPFamily) throws {
            let fixture = try DaemonFixture(mode: mode)
            try StaleFlowScript(fixture: fixture, family: family).check()
        }

        @Test(
            "They end at an address that accepts node ports no more, and move where it does again",
            arguments: ["iptables", "nftables"]
        )
        func withdrawn(_ mode: String) throws {
            let fixture = try DaemonFixture(mode: mode)
            try StaleFlowScript(fixture: fixture, family: .ipv4).checkWithdrawn()
        }

        @Test("With cleanStaleUDP: false they stay, which is how the kernel has it")
        func switchedOff() throws {
            let extra = "conntrack: {cleanStaleUDP: false}\n"
            let fixture = try DaemonFixture(mode: "nftables", extra: extra)
            try StaleFlowScript(fixture: fixture, family: .ipv4).checkSwitchedOff()
        }
    }

    @Suite("UDP flows to former endpoints in UML", .enabled(if: UserModeLinux.isHere))
    struct StaleFlowUMLTests {
        @Test(
            "A client that keeps its port moves to the live endpoint",
            arguments: IPFamily.allCases
        )
        func moves(_ family: IPFamily) throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            try StaleFlowScript(fixture: fixture, family: family).check()
        }
    }
}
