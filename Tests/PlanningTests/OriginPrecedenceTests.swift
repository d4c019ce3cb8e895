import Addressing
import DataplaneModel
import Planning
import ProxyModes
import ServiceModel
import Testing

@Suite("Precedence of sources")
struct OriginPrecedenceTests {
    private func service(_ name: String, _ origin: ServiceOrigin, node: Int? = nil) -> Service {
        Service(
            name: ServiceName(namespace: "shop", name: name),
            origin: origin,
            kind: node == nil ? .clusterIP : .nodePort,
            clusterIPs: node == nil ? ["10.96.0.10"].compactMap { IPAddress($0) } : [],
            ports: PortNumber(80).map {
                [ServicePort(port: $0, nodePort: node.flatMap { PortNumber($0) })]
            } ?? []
        )
    }

    private func issues<Mode: ProxyMode>(_ mode: Mode.Type, _ services: [Service]) -> [String] {
        let settings = PlannerSettings(node: NodeIdentity(name: "node-a", zone: nil, addresses: []))
        var snapshot = ServiceSnapshot()
        for var service in services {
            service.families = [.ipv4]
            snapshot.services[service.name] = service
        }
        var desired = DesiredState(family: .ipv4, settings: settings)
        var planner = Mode.planner(.ipv4, settings)
        let names = desired.select(SnapshotUpdate(snapshot: snapshot, changed: .all))
        _ = planner.plan(names, of: desired)
        return planner.issues.map(\.description)
    }

    @Test("The cluster's claim comes before that of a file, whatever the names")
    func clusterFirst() {
        let services = [service("a", .files), service("b", .cluster)]
        let expected = [
            "shop/a: ClusterIP 10.96.0.10:80/tcp already belongs to shop/b (ClusterIP, from the cluster)"
        ]
        #expect(issues(IPTablesMode.self, services) == expected)
        #expect(issues(NFTablesMode.self, services) == expected)
        let ports = [service("a", .files, node: 30080), service("b", .cluster, node: 30080)]
        let refused = [
            "shop/a: node port 30080/tcp already belongs to shop/b (node port, from the cluster)"
        ]
        #expect(issues(IPTablesMode.self, ports) == refused)
        #expect(issues(NFTablesMode.self, ports) == refused)
        let ipvs = issues(IPVSMode.self, services)
        #expect(ipvs.count == 1)
        #expect(
            ipvs.allSatisfy {
                $0.contains("already belongs to shop/b (ClusterIP, from the cluster)")
            }
        )
    }

    @Test("Between Services of one source names decide")
    func namesDecide() {
        for origin in ServiceOrigin.allCases {
            #expect(
                issues(IPTablesMode.self, [service("a", origin), service("b", origin)]) == [
                    "shop/b: ClusterIP 10.96.0.10:80/tcp already belongs to shop/a (ClusterIP)"
                ]
            )
        }
    }
}
