import Addressing
import DataplaneModel
import Planning
import ProxyModes
import ServiceModel
import Testing

/// A Service that claims an address at which an API server listens.
@Suite("Addresses of API servers")
struct APIServerAddressTests {
    private let server = IPAddress(ipv4: 0xc000_0209)
    private let other = IPAddress(ipv4: 0xc633_6407)

    private func snapshot(_ change: (inout Service) -> Void) throws -> ServiceSnapshot {
        var service = Service(
            name: ServiceName(namespace: "shop", name: "web"),
            kind: .loadBalancer,
            clusterIPs: [IPAddress(ipv4: 0x0a60_000a)],
            ports: [
                ServicePort(name: "api", port: try #require(PortNumber(6443))),
                ServicePort(name: "dns", transport: .udp, port: try #require(PortNumber(6443))),
                ServicePort(name: "web", port: try #require(PortNumber(80))),
            ]
        )
        service.families = [.ipv4]
        change(&service)
        return ServiceSnapshot(services: [service.name: service])
    }

    private func settings() throws -> PlannerSettings {
        let port = try #require(PortNumber(6443))
        return PlannerSettings(
            node: NodeIdentity(name: "node-a"),
            apiServers: [SocketAddress(server, port)]
        )
    }

    private func issues<Mode: PlannedMode>(
        _ mode: Mode.Type,
        _ snapshot: ServiceSnapshot
    ) throws -> [String] {
        var desired = DesiredState(family: .ipv4, settings: try settings())
        var planner = Mode.planner(.ipv4, try settings())
        let names = desired.select(SnapshotUpdate(snapshot: snapshot, changed: .all))
        _ = planner.plan(names, of: desired)
        return planner.issues.map(\.description)
    }

    @Test("The server keeps its port, and the Service everything else")
    func refused() throws {
        for isBalanced in [false, true] {
            let snapshot = try snapshot {
                let addresses = [server, other]
                if isBalanced {
                    $0.loadBalancerAddresses = addresses
                } else {
                    $0.externalIPs = addresses
                }
            }
            let expected = ["shop/web:api: 192.0.2.9:6443/tcp is where an API server listens"]
            #expect(try issues(IPTablesMode.self, snapshot) == expected)
            #expect(try issues(NFTablesMode.self, snapshot) == expected)
            #expect(try issues(IPVSMode.self, snapshot) == expected)
            let owners = FrontendOwners(snapshot, family: .ipv4, settings: try settings()).owners
            let frontends = Set(owners.keys.map(\.description).filter { !$0.hasPrefix("10.") })
            #expect(
                frontends == [
                    "192.0.2.9:6443/udp", "192.0.2.9:80/tcp", "198.51.100.7:6443/tcp",
                    "198.51.100.7:6443/udp", "198.51.100.7:80/tcp",
                ]
            )
        }
    }

    @Test("The Service of the API server itself may have it")
    func own() throws {
        let snapshot = try snapshot {
            $0.name = ServiceState.apiServer
            $0.externalIPs = [server]
        }
        #expect(try issues(NFTablesMode.self, snapshot) == [])
        let owners = FrontendOwners(snapshot, family: .ipv4, settings: try settings()).owners
        #expect(owners.keys.contains { "\($0)" == "192.0.2.9:6443/tcp" })
    }
}
