import Addressing
import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab
import ServiceModel
import Testing

extension KernelSuites {
    /// Events at the objects that a problem of a node concerns.
    @Suite("Events of the daemon")
    struct EventTests {
        private static func service(_ name: String, healthPort: Bool = false) -> ClusterContent {
            .service(
                Service(
                    name: ServiceName(namespace: "shop", name: name),
                    kind: healthPort ? .loadBalancer : .clusterIP,
                    clusterIPs: ["10.96.0.10"].compactMap { IPAddress($0) },
                    ports: [80].compactMap { PortNumber($0) }.map { ServicePort(port: $0) },
                    externalTrafficPolicy: healthPort ? .local : .cluster,
                    healthCheckNodePort: healthPort ? PortNumber(32100) : nil
                )
            )
        }

        private static func kubeconfig(_ port: Int) -> String {
            """
            apiVersion: v1
            kind: Config
            current-context: test
            contexts: [{name: test, context: {cluster: test, user: test}}]
            clusters: [{name: test, cluster: {server: "http://127.0.0.1:\(port)"}}]
            users: [{name: test, user: {}}]

            """
        }

        @Test(
            "Ports in use, contested addresses and repaired rules are reported at Services and Node"
        )
        func wholeDaemon() async throws {
            let cluster = TestCluster()
            let addresses = [IPAddress(LabAddresses.node(.ipv4))].compactMap { $0 }
            cluster.put([
                .node(ClusterNode(name: "node-a", addresses: addresses)),
                Self.service("a", healthPort: true), Self.service("thief"),
            ])
            let server = KubernetesTestServer(cluster)
            let kubeconfig =
                "\(FileManager.default.temporaryDirectory.path)/fairlead-events-\(getpid())"
            try Self.kubeconfig(try await server.start()).write(
                toFile: kubeconfig,
                atomically: true,
                encoding: .utf8
            )
            defer { unlink(kubeconfig) }
            let fixture = try DaemonFixture(
                mode: "iptables",
                servers: false,
                sources: "files: \"\"\n  kubernetes: {kubeconfig: \(kubeconfig)}"
            )
            let squatter = try fixture.agent.serve(
                ["0.0.0.0:32100/tcp", "127.0.0.1:10256/tcp"],
                as: "squatter",
                in: fixture.lab.node
            )
            try fixture.start()
            try reported(
                [
                    ["\"reason\":\"Starting\"", "\"name\":\"node-a\"", "mode iptables"],
                    ["\"reason\":\"FailedToStartProxierHealthcheck\"", "\"name\":\"node-a\""],
                    ["\"reason\":\"FailedToStartServiceHealthcheck\"", "\"name\":\"a\"", "32100"],
                    [
                        "\"reason\":\"NotProgrammed\"", "\"name\":\"thief\"",
                        "ClusterIP 10.96.0.10:80/tcp already belongs to shop/a",
                    ],
                ],
                server,
                fixture
            )
            #expect(server.events.count == 4)
            for event in server.events {
                #expect(event.json.contains(#""reportingInstance":"node-a""#))
                #expect(event.json.contains("\"uid\":\""))
            }
            try fixture.iptables("-t", "nat", "-F", "PREROUTING")
            try reported(
                [["\"reason\":\"RulesRepaired\"", "\"name\":\"node-a\""]],
                server,
                fixture
            )
            let metrics = try LabCommand.run(
                ["curl", "-s", "http://127.0.0.1:10249/metrics"],
                in: fixture.lab.node
            )
            #expect(metrics.contains("\nfairlead_cluster_events_total{result=\"refused\"} 0\n"))
            #expect(metrics.contains("\nfairlead_cluster_events_total{result=\"sent\"} "))
            squatter.signal(SIGKILL)
            try fixture.stop()
            await server.stop()
        }

        /// Waits until there is an event with each of these groups of pieces.
        private func reported(
            _ wanted: [[String]],
            _ server: KubernetesTestServer,
            _ fixture: DaemonFixture
        ) throws {
            let deadline = Deadline(in: .seconds(60))
            while !deadline.hasPassed {
                let texts = server.events.map(\.json)
                let isTold = wanted.allSatisfy { pieces in
                    texts.contains { text in pieces.allSatisfy { text.contains($0) } }
                }
                if isTold { return }
                usleep(50_000)
            }
            let texts = server.events.map(\.json).joined(separator: "\n")
            throw LabError("events:\n\(texts)\nlog:\n\(fixture.log)")
        }
    }
}
