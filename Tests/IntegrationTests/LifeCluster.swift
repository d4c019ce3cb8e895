import Addressing
import KubernetesTestServer
import NamespaceLab
import ServiceModel

/// A cluster with one Service, on the lab's pods.
struct LifeCluster {
    let state = TestCluster()
    private static let name = ServiceName(namespace: "shop", name: "web")

    init() {
        putNode(zone: nil, podRanges: [])
    }

    /// With the Service on pod 1, and a range of ClusterIPs.
    init(serviceRange: String) {
        self.init()
        putWeb(1)
        state.put(.serviceCIDR(name: "all", [IPPrefix(serviceRange)].compactMap { $0 }))
    }

    func putNode(zone: String?, podRanges: [String]) {
        state.put(
            .node(
                ClusterNode(
                    name: "node-a",
                    zone: zone,
                    addresses: [IPAddress(LabAddresses.node(.ipv4))].compactMap { $0 },
                    podCIDRs: podRanges.compactMap { IPPrefix($0) }
                )
            )
        )
    }

    func deleteNode() {
        state.delete(.nodes, ClusterKey(namespace: "", name: "node-a"))
    }

    /// With `zones` each pod is for its own zone: pod 1 for zone-1, and so on.
    func putWeb(_ pods: Int..., zones: Bool = false) {
        let port = PortNumber(80).map { ServicePort(port: $0) }
        let target = PortNumber(8080).map { EndpointPort(port: $0) }
        let endpoints = pods.compactMap { number in
            IPAddress(LabAddresses.pod(number, .ipv4)).map {
                Endpoint(address: $0, zoneHints: zones ? ["zone-\(number)"] : [])
            }
        }
        state.put([
            .service(
                Service(
                    name: Self.name,
                    clusterIPs: [IPAddress(LifeScript.vip)].compactMap { $0 },
                    ports: [port].compactMap { $0 }
                )
            ),
            .slice(
                EndpointSlice(
                    name: "web-1",
                    service: Self.name,
                    family: .ipv4,
                    ports: [target].compactMap { $0 },
                    endpoints: endpoints
                )
            ),
        ])
    }

    func deleteWeb() {
        state.delete(.services, ClusterKey(namespace: "shop", name: "web"))
        state.delete(.endpointSlices, ClusterKey(namespace: "shop", name: "web-1"))
    }

    static func kubeconfig(_ port: Int) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: test
        contexts: [{name: test, context: {cluster: test, user: test}}]
        clusters: [{name: test, cluster: {server: "http://127.0.0.1:\(port)"}}]
        users: [{name: test, user: {}}]

        """
    }
}
