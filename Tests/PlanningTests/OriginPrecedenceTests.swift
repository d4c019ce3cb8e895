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

    private func issues<Mode: PlannedMode>(_ mode: Mode.Type, _ services: [Service]) -> [String] {
        let addresses = ["192.0.2.1"].compactMap { IPAddress($0) }
        let settings = PlannerSettings(
            node: NodeIdentity(name: "node-a", zone: nil, addresses: addresses),
            localAddresses: addresses
        )
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

    @Test("A Service that is held gets nothing that another one claims, whatever kind of frontend")
    func heldLast() {
        var held = service("a", .cluster)
        held.isHeld = true
        var living = service("b", .files)
        // A ClusterIP comes before an external IP otherwise.
        living.externalIPs = living.clusterIPs
        living.clusterIPs = []
        let place = " already belongs to shop/b (external IP, from files)"
        let remark = "; this Service is held, its source no longer has it"
        for all in [
            issues(IPTablesMode.self, [held, living]), issues(NFTablesMode.self, [held, living]),
            issues(IPVSMode.self, [held, living]),
        ] {
            #expect(all.count == 1)
            #expect(
                all.allSatisfy {
                    $0.hasPrefix("shop/a: ClusterIP ") && $0.hasSuffix(place + remark)
                },
                "\(all)"
            )
        }
        var ports = [service("a", .cluster, node: 30080), service("b", .cluster, node: 30080)]
        ports[0].isHeld = true
        for all in [
            issues(IPTablesMode.self, ports), issues(NFTablesMode.self, ports),
            issues(IPVSMode.self, ports),
        ] {
            #expect(
                all == [
                    "shop/a: node port 30080/tcp already belongs to shop/b (node port)\(remark)"
                ]
            )
        }
    }

    @Test("That a Service is held changes nothing in its plan")
    func heldAlone() {
        let plain = service("a", .cluster)
        var held = plain
        held.isHeld = true
        for texts in [
            plans(IPTablesMode.self, [plain, held, held]),
            plans(NFTablesMode.self, [plain, held, held]),
            plans(IPVSMode.self, [plain, held, held]),
        ] {
            #expect(texts[0] != texts[1])
            #expect(texts[1] == texts[2])
        }
    }

    /// What the change to each of the Services is, one after the other.
    private func plans<Mode: PlannedMode>(_ mode: Mode.Type, _ services: [Service]) -> [String] {
        let settings = PlannerSettings(node: NodeIdentity(name: "node-a", zone: nil, addresses: []))
        var desired = DesiredState(family: .ipv4, settings: settings)
        var planner = Mode.planner(.ipv4, settings)
        return services.map { service in
            var service = service
            service.families = [.ipv4]
            var snapshot = ServiceSnapshot()
            snapshot.services[service.name] = service
            let names = desired.select(SnapshotUpdate(snapshot: snapshot, changed: .all))
            return Mode.text(planner.plan(names, of: desired), .ipv4)
        }
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
