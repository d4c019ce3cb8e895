import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab
import Testing

extension KernelSuites {
    /// What a daemon makes of an API server that misbehaves.
    @Suite("API server with faults")
    struct ServerFaultTests {
        @Test("Where no watch works, lists are followed, and health turns red and says why")
        func circle() async throws {
            let cluster = LifeCluster()
            cluster.putWeb(1)
            var options = ServerOptions()
            options.watchList = .refused
            let server = KubernetesTestServer(cluster.state, options: options)
            server.setFault { request in
                request.isWatch && request.path.hasSuffix("/services")
                    && request.query["sendInitialEvents"] == nil ? .expireInStream : nil
            }
            let port = try await server.start()
            let fixture = try DaemonFixture(
                mode: "nftables",
                apiServer: port,
                fields: "staleAfter: 3s"
            )
            try fixture.start()
            func health() throws -> String {
                try LabCommand.result(
                    ["curl", "-s", "--max-time", "5", "http://127.0.0.1:10256/healthz"],
                    in: fixture.lab.node
                ).output
            }
            #expect(try eventually { try health().contains("lists without a working watch)") })
            #expect(try health().contains("source cluster: silent for"))
            #expect(try health().contains("(services: "))
            let screen = try fixture.fairlead("status").output
            #expect(screen.contains("NO WATCH WORKS, "))
            #expect(fixture.log.contains("No watch works"))
            #expect(!fixture.log.contains("Watching the resource again"))
            // Its lists count nevertheless.
            cluster.putWeb(2)
            #expect(try eventually { try LifeScript.answers(fixture) == ["pod2"] })
            server.setFault { _ in nil }
            let isFine = "\"nodeEligible\":true,\"healthy\":true"
            #expect(try eventually { try health().contains(isFine) })
            #expect(try fixture.fairlead("status").output.contains("NO WATCH WORKS") == false)
            #expect(fixture.log.contains("Watching the resource again"))
            try fixture.stop()
            await server.stop()
        }
    }
}
