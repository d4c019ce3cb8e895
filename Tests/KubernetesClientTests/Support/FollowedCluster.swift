import Addressing
import KubernetesAPI
import KubernetesClient
import KubernetesTestServer
import ServiceModel
import Synchronization

/// A cluster with one object of each kind, which all change together, and what came of it at a
/// source.
final class FollowedCluster: Sendable {
    let cluster = TestCluster()
    private let state = Mutex<(round: Int, update: KubernetesUpdate?)>((0, nil))
    private static let name = ServiceName(namespace: "shop", name: "web")

    init() {
        change()
    }

    /// Changes every object.
    func change() {
        let round = state.withLock { state in
            state.round += 1
            return state.round
        }
        cluster.put([
            .service(
                Service(
                    name: Self.name,
                    kind: .nodePort,
                    clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
                    ports: PortNumber(80).map {
                        [ServicePort(name: "http", port: $0, nodePort: PortNumber(30000 + round))]
                    } ?? []
                )
            ),
            .slice(
                EndpointSlice(
                    name: "web-a",
                    service: Self.name,
                    family: .ipv4,
                    ports: PortNumber(8080).map { [EndpointPort(name: "http", port: $0)] } ?? [],
                    endpoints: [Endpoint(address: Self.address(round))]
                )
            ),
            .node(
                ClusterNode(
                    name: "node-a",
                    zone: "zone-\(round)",
                    addresses: [IPAddress(ipv4: 0xc000_0201)]
                )
            ),
            .serviceCIDR(name: "a", [Self.range(round)]),
        ])
    }

    func take(_ update: KubernetesUpdate) {
        state.withLock { $0.update = update }
    }

    /// The kinds of objects whose last change has not come.
    var missing: [String] {
        let (round, update) = state.withLock { $0 }
        guard let update else { return ["everything"] }
        let service = update.update.snapshot.services[Self.name]
        let slice = update.update.snapshot.slices[Self.name]?.first
        let isHere = [
            "Services": service?.ports.first?.nodePort == PortNumber(30000 + round),
            "EndpointSlices": slice?.endpoints.first?.address == Self.address(round),
            "Node": update.node?.zone == "zone-\(round)",
            "ServiceCIDRs": update.serviceCIDRs == [Self.range(round)],
        ]
        return isHere.filter { !$0.value }.keys.sorted()
    }

    private static func address(_ round: Int) -> IPAddress {
        IPAddress(ipv4: 0x0ab4_0000 + UInt32(round))
    }

    private static func range(_ round: Int) -> IPPrefix {
        IPPrefix(IPAddress(ipv4: 0x0a00_0000 + UInt32(round) << 16), length: 16)
    }
}
