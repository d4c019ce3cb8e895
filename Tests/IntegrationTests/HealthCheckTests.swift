import Addressing
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// The daemon probes endpoints from its node's namespace, the only one from which it can reach
    /// them.
    @Suite("Health checks")
    struct HealthCheckTests {
        private static func manifest(_ check: String) -> String {
            """
            services:
              - name: shop/web
                address: \(LifeScript.vip)
                ports: [{port: 80, targetPort: 8080}]
                endpoints: [{address: \(pod(1))}, {address: \(pod(2))}]
                healthCheck: {\(check), interval: 300ms, rise: 2, fall: 3}

            """
        }

        private static func pod(_ number: Int) -> String { LabAddresses.pod(number, .ipv4) }

        private func serve(_ fixture: DaemonFixture, _ number: Int) throws -> LabProcess {
            try fixture.agent.serve(
                [DaemonFixture.endpoint(Self.pod(number), "8080/tcp")],
                as: "pod\(number)",
                in: fixture.lab.pod(number)
            )
        }

        /// The endpoints in the node's rules.
        private func programmed(_ fixture: DaemonFixture) throws -> [Int] {
            let rules = try fixture.rules(.ipv4)
            return [1, 2].filter { number in
                rules.contains { $0.contains("--to-destination \(Self.pod(number)):8080") }
            }
        }

        private func wait(for endpoints: [Int], _ fixture: DaemonFixture) throws {
            try fixture.wait(for: "rules for endpoints \(endpoints)") {
                try programmed(fixture) == endpoints
            }
        }

        private func status(_ fixture: DaemonFixture, _ words: String...) throws -> String {
            try LabCommand.result(
                [BuiltProgram.fairlead, "status"] + words + ["-c", fixture.configuration]
            ).output
        }

        @Test("An endpoint leaves with its server and comes back with it; the last ones stay")
        func life() throws {
            let fixture = try DaemonFixture(servers: false)
            var servers = [1: try serve(fixture, 1), 2: try serve(fixture, 2)]
            try fixture.write(Self.manifest("tcp: {}"))
            try fixture.start()
            try fixture.waitUntilApplied()
            // More rounds than an endpoint that fails would stay for.
            try fixture.wait(for: "five rounds of probes") {
                try fixture.metric("fairlead_health_check_probes_total") >= 10
            }
            #expect(try programmed(fixture) == [1, 2])
            servers[1] = nil
            try wait(for: [2], fixture)
            #expect(try LifeScript.answers(fixture) == ["pod2"])
            #expect(fixture.log.contains("target=\"tcp \(Self.pod(1)):8080\""), "\(fixture.log)")
            #expect(fixture.log.contains("Connection refused"))
            #expect(try status(fixture).contains("checks     2 targets, 1 unhealthy\n"))
            let lines = try status(fixture, "service", "shop/web").split(separator: "\n")
            let dead = try #require(lines.first { $0.contains("→ \(Self.pod(1)):8080") })
            #expect(dead.contains("  unhealthy: Connection refused, unhealthy for "))
            #expect(lines.contains { $0.contains("\(Self.pod(2)):8080  chosen, healthy for ") })
            servers[1] = try serve(fixture, 1)
            try wait(for: [1, 2], fixture)
            #expect(try LifeScript.answers(fixture) == ["pod1", "pod2"])
            // Without a healthy endpoint both are kept, and the first to come back is used alone.
            servers[1] = nil
            try wait(for: [2], fixture)
            servers[2] = nil
            try wait(for: [1, 2], fixture)
            #expect(fixture.log.contains("shop/web: no endpoint is healthy"))
            let panic = try status(fixture)
            #expect(panic.contains("2 unhealthy, 1 port without a healthy endpoint"))
            #expect(panic.contains("  no healthy endpoint: shop/web"))
            let metrics = try LabCommand.run(
                ["curl", "-s", "http://127.0.0.1:10249/metrics"],
                in: fixture.lab.node
            )
            #expect(metrics.contains("fairlead_health_check_targets{state=\"unhealthy\"} 2\n"))
            #expect(metrics.contains("fairlead_health_check_targets{state=\"healthy\"} 0\n"))
            #expect(metrics.contains("fairlead_health_check_panics 1\n"))
            #expect(metrics.contains("fairlead_health_check_probes_total{result=\"failed\"} "))
            servers[1] = try serve(fixture, 1)
            try wait(for: [1], fixture)
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            try fixture.stop()
        }

        @Test("Servers of another protocol fail an HTTP check; drop then refuses connections")
        func drop() throws {
            let fixture = try DaemonFixture(servers: false)
            let servers = [try serve(fixture, 1), try serve(fixture, 2)]
            try fixture.write(Self.manifest("http: {}, panic: drop"))
            try fixture.start()
            try fixture.waitUntilApplied()
            try wait(for: [], fixture)
            #expect(try LifeScript.answers(fixture, count: 1) == ["refused"])
            #expect(fixture.log.contains("the response is not HTTP"), "\(fixture.log)")
            // Another check is another question: they are used until they fail it.
            try fixture.write(Self.manifest("tcp: {}"))
            try wait(for: [1, 2], fixture)
            try fixture.stop()
            #expect(servers.count == 2)
        }
    }
}
