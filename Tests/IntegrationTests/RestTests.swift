import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab
import Testing

extension KernelSuites {
    /// What the daemon does while nothing happens.
    @Suite("Daemon at rest")
    struct RestTests {
        /// How often the threads of a process began to wait.
        private func waits(_ pid: Int32) throws -> Int {
            var count = 0
            for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") {
                let path = "/proc/\(pid)/task/\(thread)/status"
                let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt") }
                count += line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
            }
            return count
        }

        @Test("One thread serves the connections to the API server, on a large machine, too")
        func threads() async throws {
            let cluster = LifeCluster()
            cluster.putWeb(1)
            let server = KubernetesTestServer(cluster.state)
            let port = try await server.start()
            let fixture = try DaemonFixture(mode: "nftables", servers: false, apiServer: port)
            // As many as the library would start on a machine with sixteen processors.
            try fixture.start(environment: ["NIO_SINGLETON_GROUP_LOOP_COUNT=16"])
            #expect(try eventually { fixture.log.contains("Pass done") }, "\(fixture.log)")
            let pid = try #require(fixture.daemon?.pid)
            // Others end meanwhile.
            let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
                .compactMap {
                    try? String(contentsOfFile: "/proc/\(pid)/task/\($0)/comm", encoding: .utf8)
                }
            #expect(names.count { $0.hasPrefix("NIO-SGLTN") } == 1, "\(names)")
            try fixture.stop()
            await server.stop()
        }

        @Test(
            "It wakes a few threads a second, and still sees foreign changes and shows its age",
            arguments: ["nftables", "iptables"]
        )
        func rest(_ mode: String) throws {
            let fixture = try DaemonFixture(mode: mode, servers: false)
            let manager = try NotifySocket(fixture.directory + "/notify")
            try fixture.write(LifeScript.web(1))
            try fixture.start(environment: manager.environment + ["WATCHDOG_USEC=30000000"])
            _ = try manager.next("STATUS=1 Service, last pass ")
            let pid = try #require(fixture.daemon?.pid)
            // In iptables mode five looks at the kernel a second as configured, all on one thread, in nftables
            // mode none; one of another thread at manifests, and two that Dispatch makes. A tick of the whole
            // daemon, which wakes ten, comes every ten seconds.
            let seconds = 4
            let limit = seconds * (mode == "nftables" ? 4 : 9)
            var counts: [Int] = []
            let rests = try eventually {
                let before = try waits(pid)
                // Rest is measured over time.
                sleep(UInt32(seconds))
                counts.append(try waits(pid) - before)
                return counts.last ?? .max <= limit
            }
            #expect(rests, "\(counts)")
            // A page asks the daemon's parts, however long ago they were looked at.
            let status = try fixture.fairlead("status", "--output", "json").output
            let silences = status.split(separator: "\n").filter { $0.contains("silentSeconds") }
            #expect(!silences.isEmpty)
            for line in silences {
                let value = line.split(separator: ":").last.map {
                    $0.filter { $0.isNumber || $0 == "." }
                }
                #expect(value.flatMap { Double($0) } ?? .infinity < 5, "\(line)")
            }
            #expect(try fixture.fairlead("verify").status == 0)
            let harm =
                mode == "nftables"
                ? "nft flush ruleset" : "iptables-legacy -t nat -F PREROUTING"
            let result = try LabCommand.result(
                ["env", "XTABLES_LOCKFILE=\(fixture.directory)/xtables.lock", "sh", "-c", harm],
                in: fixture.lab.node
            )
            #expect(result.status == 0, "\(result.output)")
            #expect(try eventually { fixture.log.contains("Repaired objects") }, "\(fixture.log)")
            #expect(try eventually { try fixture.fairlead("verify").status == 0 })
            try fixture.stop()
        }
    }
}
