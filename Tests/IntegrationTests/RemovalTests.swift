import Addressing
import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab
import ServiceModel
import Testing

extension KernelSuites {
    /// Sources that suddenly look empty, or say nothing any more.
    @Suite("Suspicious sources")
    struct RemovalTests {
        /// The test's own Service, and a dozen with endpoints of no interest.
        private static let many = LifeScript.web(1) + LifeScript.ballast(12).dropFirst(10)

        private func hasRules(_ fixture: DaemonFixture, _ address: String) throws -> Bool {
            try fixture.rules(.ipv4).contains { $0.contains(address) }
        }

        @Test(
            "Most Services missing at once stay until they are confirmed; others change meanwhile"
        )
        func confirmation() throws {
            let fixture = try DaemonFixture()
            try fixture.write(Self.many)
            try fixture.start()
            try fixture.waitUntilApplied()
            // Unmounted: the directory is there, and empty.
            try fixture.remove("services.yaml")
            #expect(try eventually { fixture.log.contains("Removal guard holds Services") })
            // One of them goes by another name and address now.
            try fixture.write(
                LifeScript.web(2).replacingOccurrences(of: "shop/web", with: "shop/new")
                    .replacingOccurrences(of: LifeScript.vip, with: "10.96.0.77"),
                to: "other.yaml"
            )
            #expect(try eventually { try hasRules(fixture, "10.96.0.77") })
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            #expect(try hasRules(fixture, "10.97.0.5"))
            let status = try fixture.fairlead("status").output
            let words =
                "removal guard: holds 13 of 14 Services, 13 missing from their source without having been deleted"
            #expect(status.contains(words), "\(status)")
            let apply = try fixture.fairlead("apply")
            #expect(apply.status == 1)
            #expect(
                apply.output.contains(
                    "Error: nothing applied: the daemon's removal guard holds 13 of"
                ),
                "\(apply.output)"
            )
            #expect(try hasRules(fixture, "10.97.0.5"))
            let verify = try fixture.fairlead("verify")
            let plan = try fixture.fairlead("plan", "--diff", "--exit-code")
            let note = "note: the daemon's removal guard holds 13 of 14 Services"
            for (output, status) in [verify, plan] {
                #expect(status == 2)
                #expect(output.contains(note), "\(output)")
            }
            // The plan has no such Service any more; the kernel has, and what it does needs no note.
            let (from, to) = ("--from=10.244.1.7", "--to=10.97.0.5:80/tcp")
            let planned = try fixture.fairlead("trace", from, to).output
            #expect(planned.contains(note), "\(planned)")
            #expect(!planned.contains("reaches 2 endpoints"), "\(planned)")
            let present = try fixture.fairlead("trace", from, to, "--kernel").output
            #expect(!present.contains(note), "\(present)")
            #expect(present.contains("reaches 2 endpoints"), "\(present)")
            let one = try fixture.fairlead("status", "service", "ballast/s4").output
            #expect(one.contains("held by the removal guard"), "\(one)")
            // A ClusterIP goes to the Service that the source gives it to, though 13 are held.
            try fixture.write(
                LifeScript.web(3).replacingOccurrences(of: "shop/web", with: "shop/zz"),
                to: "zz.yaml"
            )
            #expect(try eventually { try LifeScript.answers(fixture, count: 5) == ["pod3"] })
            let confirmed = try fixture.fairlead("confirm")
            #expect(confirmed.status == 0)
            #expect(confirmed.output == "confirmed: 13 Services are released\n")
            #expect(try eventually { try !hasRules(fixture, "10.97.0.5") })
            #expect(try hasRules(fixture, "10.96.0.77"))
            #expect(try LifeScript.answers(fixture, count: 5) == ["pod3"])
            #expect(try fixture.fairlead("confirm").output == "nothing is held\n")
            let lines = fixture.log.split(separator: "\n").filter { $0.contains("Removal guard") }
            #expect(lines.count == 2, "\(lines)")
            #expect(lines.last?.contains("confirmed by an administrator") == true)
            try fixture.stop()
        }

        @Test("They go when the time is over, and at once where the settings hold nothing")
        func time() throws {
            let fixture = try DaemonFixture(servers: false, extra: "removals: {holdTime: 3s}\n")
            try fixture.write(Self.many)
            try fixture.start()
            try fixture.waitUntilApplied()
            try fixture.remove("services.yaml")
            #expect(try eventually { fixture.log.contains("Removal guard holds Services") })
            #expect(try hasRules(fixture, LifeScript.vip))
            #expect(try eventually { try !hasRules(fixture, LifeScript.vip) })
            #expect(fixture.log.contains("the hold time is over"))
            try fixture.stop()
            // A changed file takes effect without a restart.
            let other = try DaemonFixture(servers: false)
            try other.write(Self.many)
            try other.start()
            try other.waitUntilApplied()
            try other.remove("services.yaml")
            #expect(try eventually { other.log.contains("Removal guard holds Services") })
            let text = try String(contentsOfFile: other.configuration, encoding: .utf8)
            try (text + "removals: {percent: 100}\noomScoreAdj: 321\n").write(
                toFile: other.configuration,
                atomically: true,
                encoding: .utf8
            )
            #expect(try eventually { try !hasRules(other, LifeScript.vip) })
            #expect(other.log.contains("the settings have changed"))
            #expect(!other.log.contains("Change requires a restart"))
            let pid = try #require(other.daemon?.pid)
            let score = try String(contentsOfFile: "/proc/\(pid)/oom_score_adj", encoding: .utf8)
            #expect(score == "321\n")
            try other.stop()
        }

        @Test("An API server that answers no more makes the source stale, and the Services stay")
        func staleness() async throws {
            let cluster = TestCluster()
            let name = ServiceName(namespace: "shop", name: "web")
            cluster.put([
                .node(
                    ClusterNode(
                        name: "node-a",
                        addresses: [LabAddresses.node(.ipv4)].compactMap { IPAddress($0) }
                    )
                ),
                .service(
                    Service(
                        name: name,
                        clusterIPs: [LifeScript.vip].compactMap { IPAddress($0) },
                        ports: PortNumber(80).map { [ServicePort(port: $0)] } ?? []
                    )
                ),
                .slice(
                    EndpointSlice(
                        name: "web-1",
                        service: name,
                        family: .ipv4,
                        ports: PortNumber(8080).map { [EndpointPort(port: $0)] } ?? [],
                        endpoints: [LabAddresses.pod(1, .ipv4)].compactMap {
                            IPAddress($0).map { Endpoint(address: $0) }
                        }
                    )
                ),
            ])
            let server = KubernetesTestServer(cluster)
            let port = try await server.start()
            let kubeconfig =
                "\(FileManager.default.temporaryDirectory.path)/fairlead-stale-\(getpid())"
            try """
            apiVersion: v1
            kind: Config
            current-context: test
            contexts: [{name: test, context: {cluster: test, user: test}}]
            clusters: [{name: test, cluster: {server: "http://127.0.0.1:\(port)"}}]
            users: [{name: test, user: {}}]

            """.write(toFile: kubeconfig, atomically: true, encoding: .utf8)
            defer { unlink(kubeconfig) }
            let fixture = try DaemonFixture(
                sources: "files: \"\"\n  kubernetes: {kubeconfig: \(kubeconfig), staleAfter: 2s}"
            )
            try fixture.start()
            #expect(try eventually { try LifeScript.answers(fixture) == ["pod1"] })
            func health() throws -> String {
                try LabCommand.result(
                    ["curl", "-s", "--max-time", "5", "http://127.0.0.1:10256/healthz"],
                    in: fixture.lab.node
                ).output
            }
            let isFine = "\"nodeEligible\":true,\"healthy\":true"
            #expect(try eventually { try health().contains(isFine) })
            // It takes connections, and says nothing.
            server.setFault { _ in .stall }
            server.dropConnections()
            #expect(try eventually { try health().contains("source cluster: silent for") })
            #expect(try health().contains("\"nodeEligible\":true,\"healthy\":false"))
            #expect(try fixture.fairlead("status").output.contains("STALE"))
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            server.setFault { _ in nil }
            server.dropConnections()
            #expect(try eventually { try health().contains(isFine) })
            try fixture.stop()
            await server.stop()
        }
    }
}
