import Addressing
import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab
import Testing

extension KernelSuites {
    /// From an API server through the daemon to packets.
    @Suite("Life with an API server")
    struct KubernetesLifeTests {
        @Test(
            "Services come and go, the server is lost, the daemon starts without it",
            arguments: ["iptables", "nftables"]
        )
        func wholeLife(_ mode: String) async throws {
            let cluster = LifeCluster()
            cluster.putWeb(1)
            let server = KubernetesTestServer(cluster.state)
            let port = try await server.start()
            let fixture = try DaemonFixture(mode: mode, apiServer: port)
            try fixture.start()
            try answered(by: ["pod1"], fixture)
            #expect(try fixture.fairlead("plan", "--diff", "--exit-code").status == 0)
            cluster.putWeb(1, 2)
            try answered(by: ["pod1", "pod2"], fixture)
            let screen = try fixture.fairlead("status").output
            #expect(screen.contains("  services: watching, http://127.0.0.1:\(port), heard "))
            #expect(!screen.contains("MEMORY"))
            cluster.putWeb(2)
            try answered(by: ["pod2"], fixture)
            let connection = try fixture.agent.hold(
                "\(LifeScript.vip):80/tcp",
                in: fixture.lab.client
            )
            #expect(connection.isAlive())
            // The server goes: what it said last stays.
            await server.stop()
            let noticed = try eventually {
                try !fixture.fairlead("status").output.contains("  services: watching, ")
            }
            #expect(noticed)
            #expect(try LifeScript.answers(fixture) == ["pod2"])
            // A reboot: no rules, no API server.
            try fixture.stop()
            #expect(try fixture.fairlead("cleanup").status == 0)
            #expect(try LifeScript.answers(fixture, count: 1) != ["pod2"])
            try fixture.start()
            try answered(by: ["pod2"], fixture)
            #expect(fixture.log.contains("No API server answers; serving what the cluster held"))
            #expect(try fixture.fairlead("status").output.contains("FROM MEMORY"))
            // It comes back with news.
            cluster.putWeb(1)
            try await server.start(port: port)
            try answered(by: ["pod1"], fixture)
            #expect(fixture.log.contains("An API server answers; what the cluster held earlier"))
            try fixture.stop()
            await server.stop()
        }

        @Test("Files add Services that the cluster does not know, and take none from it")
        func filesBeside() async throws {
            let cluster = LifeCluster()
            cluster.putWeb(1)
            let server = KubernetesTestServer(cluster.state)
            let port = try await server.start()
            let directory =
                "\(FileManager.default.temporaryDirectory.path)/fairlead-beside-\(getpid())"
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try LifeCluster.kubeconfig(port).write(
                toFile: directory + "/kubeconfig",
                atomically: true,
                encoding: .utf8
            )
            try """
            services:
              - name: shop/web
                address: \(LifeScript.vip)
                ports: [{port: 80, targetPort: 8080}]
                endpoints: [{address: \(LabAddresses.pod(3, .ipv4))}]
              - name: local/extra
                address: 10.96.0.30
                ports: [{port: 80, targetPort: 8080}]
                endpoints: [{address: \(LabAddresses.pod(2, .ipv4))}]
              - name: local/thief
                address: \(LifeScript.vip)
                ports: [{port: 80, targetPort: 8080}]
                endpoints: [{address: \(LabAddresses.pod(3, .ipv4))}]

            """.write(toFile: directory + "/services.yaml", atomically: true, encoding: .utf8)
            let fixture = try DaemonFixture(
                mode: "nftables",
                sources: "files: \(directory)/services.yaml\n"
                    + "  kubernetes: {kubeconfig: \(directory)/kubeconfig}"
            )
            try fixture.start()
            try answered(by: ["pod1"], fixture)
            let extra = try fixture.agent.connect(to: "10.96.0.30:80/tcp", in: fixture.lab.pod(3))
            #expect(extra.allSatisfy { $0.hasPrefix("pod2 ") })
            let clash = "shop/web: the cluster has a Service of this name, which is used"
            #expect(fixture.log.contains(clash))
            let theft =
                "local/thief: ClusterIP \(LifeScript.vip):80/tcp already belongs to shop/web"
            #expect(fixture.log.contains(theft))
            // Gone from the cluster, the file's own Service counts.
            cluster.deleteWeb()
            try answered(by: ["pod3"], fixture)
            try fixture.stop()
            await server.stop()
        }

        @Test("Zone and pod ranges are those of the Node, and followed as they change")
        func node() async throws {
            let cluster = LifeCluster()
            cluster.putWeb(1, 2, zones: true)
            cluster.putNode(zone: "zone-1", podRanges: [LabAddresses.podRanges[0]])
            let server = KubernetesTestServer(cluster.state)
            let port = try await server.start()
            let fixture = try DaemonFixture(
                mode: "iptables",
                apiServer: port,
                localDetector: "detectLocal: {mode: NodeCIDR}"
            )
            try fixture.start()
            try answered(by: ["pod1"], fixture)
            #expect(try fixture.rules(.ipv4).contains { $0.contains(LabAddresses.podRanges[0]) })
            cluster.putNode(zone: "zone-2", podRanges: ["10.181.0.0/24"])
            try answered(by: ["pod2"], fixture)
            let rules = try fixture.rules(.ipv4)
            #expect(rules.contains { $0.contains("10.181.0.0/24") })
            #expect(!rules.contains { $0.contains(LabAddresses.podRanges[0]) })
            #expect(fixture.log.contains("Node object changed"))
            // A Node that is gone leaves zone and ranges as they were.
            func changes() -> Int {
                fixture.log.components(separatedBy: "Node object changed").count
            }
            let before = changes()
            cluster.deleteNode()
            try fixture.wait(for: "report of the missing Node") {
                try fixture.fairlead("status").output.contains("no Node ")
            }
            #expect(try LifeScript.answers(fixture) == ["pod2"])
            #expect(changes() == before)
            #expect(try fixture.stop() == 0)
            await server.stop()
        }

        /// Waits until just these answer.
        private func answered(by pods: Set<String>, _ fixture: DaemonFixture) throws {
            try fixture.wait(for: "answers of \(pods.sorted())") {
                try LifeScript.answers(fixture) == pods
            }
        }
    }
}
