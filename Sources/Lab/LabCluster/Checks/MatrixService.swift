import Addressing
import NamespaceLab

/// A Service of the check: policies, and where its endpoints are.
struct MatrixService {
    enum Frontend: Equatable {
        case clusterIP
        case externalIP
        case loadBalancer
        /// At a node's address.
        case nodePort(Int)

        var name: String {
            switch self {
            case .clusterIP: "ClusterIP"
            case .externalIP: "external IP"
            case .loadBalancer: "load balancer"
            case .nodePort(let node): "node port, node\(node)"
            }
        }
    }

    struct Endpoint {
        var pod: LabPod
        /// The node that the manifest says it is on.
        var node: Int
    }

    /// Counts from 1, and is part of its addresses.
    var number: Int
    var name: String
    var title: String
    /// Of both traffic policies.
    var isLocal: Bool
    var endpoints: [Endpoint]

    var nodePort: Int { 30100 + number }

    func address(_ frontend: Frontend, _ family: IPFamily) -> String {
        let isIPv4 = family == .ipv4
        return switch frontend {
        case .clusterIP: isIPv4 ? "10.96.200.\(number)" : "fd00:96::2:\(number)"
        case .externalIP: isIPv4 ? "198.51.100.\(100 + number)" : "2001:db8:51::1:\(number)"
        case .loadBalancer: isIPv4 ? "198.51.100.\(200 + number)" : "2001:db8:51::2:\(number)"
        case .nodePort(let node): LabAddresses.node(family, node)
        }
    }

    func port(_ frontend: Frontend, _ transport: TransportProtocol) -> Int {
        if case .nodePort = frontend { return nodePort }
        return transport == .tcp ? 80 : 53
    }

    /// Four that show every policy: endpoints everywhere, with either policy; on one node
    /// only; nowhere.
    static func all(in shape: LabShape) -> [MatrixService] {
        func endpoints(_ perNode: Int) -> [Endpoint] {
            shape.pods.filter { $0.index <= perNode }.map { Endpoint(pod: $0, node: $0.node) }
        }
        // With a single node, the manifest says that the endpoint is on another one.
        let first = shape.pods(onNode: 1).prefix(1)
        let elsewhere = first.map { Endpoint(pod: $0, node: shape.nodes == 1 ? 2 : 1) }
        return [
            MatrixService(
                number: 1,
                name: "check/cluster",
                title: "policy Cluster",
                isLocal: false,
                endpoints: endpoints(2)
            ),
            MatrixService(
                number: 2,
                name: "check/local",
                title: "policy Local, endpoints on every node",
                isLocal: true,
                endpoints: endpoints(1)
            ),
            MatrixService(
                number: 3,
                name: "check/elsewhere",
                title: "policy Local, an endpoint on node\(elsewhere[0].node) only",
                isLocal: true,
                endpoints: elsewhere
            ),
            MatrixService(
                number: 4,
                name: "check/empty",
                title: "no endpoints",
                isLocal: false,
                endpoints: []
            ),
        ]
    }

    /// As an element of a `services:` list.
    func manifest(_ families: [IPFamily]) -> String {
        func addresses(_ frontend: Frontend) -> String {
            "[" + families.map { "\"\(address(frontend, $0))\"" }.joined(separator: ", ") + "]"
        }
        let policy = isLocal ? "Local" : "Cluster"
        let endpoints = endpoints.flatMap { endpoint in
            families.map {
                "      - {address: \"\(endpoint.pod.address($0))\", node: node\(endpoint.node)}\n"
            }
        }
        return """
              - name: \(name)
                addresses: \(addresses(.clusterIP))
                ports:
                  - {name: http, port: 80, targetPort: \(LabCluster.port), nodePort: \(nodePort)}
                  - {name: dns, port: 53, targetPort: \(LabCluster.datagramPort), protocol: UDP, nodePort: \(nodePort)}
                externalIPs: \(addresses(.externalIP))
                loadBalancer: {addresses: \(addresses(.loadBalancer))}
                externalTrafficPolicy: \(policy)
                internalTrafficPolicy: \(policy)
                endpoints:\(endpoints.isEmpty ? " []" : "")
            \(endpoints.joined())
            """
    }
}
