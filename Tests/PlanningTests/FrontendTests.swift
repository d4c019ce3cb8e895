import Addressing
import ServiceModel
import TestSupport
import Testing

@testable import Planning

@Suite("Frontends")
struct FrontendTests {
    private static func port(_ change: (inout Service) -> Void) throws -> ServicePortState {
        var service = Service(
            name: ServiceName(namespace: "shop", name: "web"),
            kind: .loadBalancer,
            clusterIPs: try [address("10.96.0.10")],
            ports: [
                ServicePort(
                    port: try #require(PortNumber(80)),
                    nodePort: PortNumber(30080)
                )
            ]
        )
        change(&service)
        let state = ServiceState(
            service,
            slices: [],
            family: .ipv4,
            settings: PlannerSettings(node: NodeIdentity(name: "node-a"))
        )
        return try #require(state?.ports.first)
    }

    private static func address(_ text: String) throws -> IPAddress {
        try #require(IPAddress(text))
    }

    @Test("Each address is one frontend, of the kind that comes first")
    func once() throws {
        let cluster = try Self.address("10.96.0.10")
        let shared = try Self.address("198.51.100.7")
        let other = try Self.address("198.51.100.8")
        let port = try Self.port {
            $0.externalIPs = [shared, cluster]
            $0.loadBalancerAddresses = [other, shared, cluster]
        }
        #expect(
            port.frontends.map { "\($0.kind.noun) \($0.key)" } == [
                "ClusterIP 10.96.0.10:80/tcp",
                "node port 30080/tcp",
                "external IP 198.51.100.7:80/tcp",
                "load-balancer address 198.51.100.8:80/tcp",
            ]
        )
    }

    @Test("Policies and source ranges are those of the frontend's kind")
    func policies() throws {
        let balancer = try Self.address("198.51.100.8")
        let range = try #require(IPPrefix("203.0.113.0/24"))
        let port = try Self.port {
            $0.loadBalancerAddresses = [balancer]
            $0.loadBalancerSourceRanges = [range]
            $0.externalTrafficPolicy = .local
        }
        #expect(port.frontends.map { port.policy(of: $0.kind) } == [.cluster, .local, .local])
        #expect(port.allowedSources == [range])
        #expect(port.separatesInternalClients)
        #expect(try Self.port { $0.externalTrafficPolicy = .local }.allowedSources == nil)
    }
}
