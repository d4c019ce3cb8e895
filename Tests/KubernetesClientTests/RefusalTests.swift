import Addressing
import KubernetesAPI
import KubernetesClient
import KubernetesTestServer
import Synchronization
import Testing

extension NetworkSuites {
    @Suite("Refusals", .timeLimit(.minutes(10)))
    struct RefusalTests {
        @Test("One rejection by a server that is still starting does not count as an answer")
        func refusedOnce() async throws {
            let cluster = TestCluster()
            let range = IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 16)
            cluster.put([.serviceCIDR(name: "a", [range])])
            try await withServer(cluster) { server, address in
                let refusals = Mutex(0)
                server.setFault { request in
                    guard request.path.hasSuffix("servicecidrs"),
                        refusals.withLock({
                            $0 += 1
                            return $0 == 1
                        })
                    else { return nil }
                    return .status(ServedStatus(code: 403, reason: "Forbidden"))
                }
                try await withSource([address]) { source in
                    var last: KubernetesUpdate?
                    for await update in source.updates() {
                        last = update
                        if !update.unanswered.contains(.serviceCIDRs) { break }
                    }
                    #expect(refusals.withLock { $0 } > 1)
                    #expect(last?.serviceCIDRs == [range])
                }
            }
        }
    }
}
