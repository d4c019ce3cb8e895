import Addressing
import DaemonConfiguration
import Dataplane
import Planning
import ServiceModel
import Testing

@Suite("Facts from the cluster")
struct ClusterFactsTests {
    private let facts = NodeFacts(
        hostName: "host",
        primaryAddresses: ["10.9.9.9", "fd09::9"].compactMap { IPAddress($0) },
        cluster: ClusterFacts(
            addresses: ["192.0.2.1"].compactMap { IPAddress($0) },
            zone: "zone-1",
            podCIDRs: ["10.1.0.0/24"].compactMap { IPPrefix($0) },
            serviceCIDRs: ["10.96.0.0/12"].compactMap { IPPrefix($0) },
            apiServers: Set(["192.0.2.9:6443"].compactMap { SocketAddress(parsing: $0) })
        )
    )

    private func settings(_ text: String) throws -> PlannerSettings {
        PlannerSettings(try DaemonConfiguration(text: text, file: "test.yaml"), facts: facts)
    }

    @Test("It counts where the configuration is silent, and family by family")
    func silence() throws {
        let settings = try settings("sources: {kubernetes: {}}\ndetectLocal: {mode: NodeCIDR}")
        #expect(settings.node.zone == "zone-1")
        #expect(settings.node.addresses == ["192.0.2.1", "fd09::9"].compactMap { IPAddress($0) })
        #expect(settings.detector == .sources(["10.1.0.0/24"].compactMap { IPPrefix($0) }))
        #expect(settings.serviceCIDRs == ["10.96.0.0/12"].compactMap { IPPrefix($0) })
        #expect(settings.apiServers.map(\.description) == ["192.0.2.9:6443"])
    }

    @Test("The configuration's word comes first")
    func configured() throws {
        let settings = try settings(
            """
            node: {zone: mine, addresses: ["fd00::1"]}
            sources: {kubernetes: {}}
            serviceCIDRs: [10.0.0.0/16]
            detectLocal: {clusterCIDRs: [10.0.0.0/8]}
            """
        )
        #expect(settings.node.zone == "mine")
        #expect(settings.node.addresses == ["192.0.2.1", "fd00::1"].compactMap { IPAddress($0) })
        #expect(settings.detector == .sources(["10.0.0.0/8"].compactMap { IPPrefix($0) }))
        #expect(settings.serviceCIDRs == ["10.0.0.0/16"].compactMap { IPPrefix($0) })
    }
}
