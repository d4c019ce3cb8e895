import Addressing
import NamespaceLab
import ServiceModel

/// A Service that clients connect to, with every kind of frontend in both families.
struct SoakService {
    /// From 0.
    let number: Int
    /// Pods that may be its endpoints, from 1.
    static let pods = 1...4

    private static let names = ["web", "local", "sticky", "rare", "plain"]
    static let count = names.count

    var name: ServiceName { ServiceName(namespace: "shop", name: Self.names[number]) }

    /// The Service that has no endpoint at times.
    var isRare: Bool { number == 3 }

    func service() -> Service {
        Service(
            name: name,
            origin: .cluster,
            kind: .loadBalancer,
            clusterIPs: IPFamily.allCases.map { address($0, .cluster) },
            ports: [
                ServicePort(name: "http", port: .known(80), nodePort: .known(30080 + number)),
                ServicePort(
                    name: "dns",
                    transport: .udp,
                    port: .known(53),
                    nodePort: .known(30050 + number)
                ),
            ],
            externalIPs: IPFamily.allCases.map { address($0, .external) },
            loadBalancerAddresses: IPFamily.allCases.map { address($0, .balancer) },
            sessionAffinity: number == 2 ? .clientIP(timeoutSeconds: 10) : .none,
            externalTrafficPolicy: number == 1 ? .local : .cluster
        )
    }

    func slice(_ family: IPFamily, pods: Set<Int>) -> EndpointSlice {
        EndpointSlice(
            name: "\(name.name)-\(family.rawValue.lowercased())",
            service: name,
            family: family,
            ports: [
                EndpointPort(name: "http", port: .known(8080)),
                EndpointPort(name: "dns", transport: .udp, port: .known(5353)),
            ],
            endpoints: pods.sorted().map { pod in
                Endpoint(
                    address: .known(LabAddresses.pod(pod, family)),
                    nodeName: SoakCluster.nodeName
                )
            }
        )
    }

    enum Frontend: CaseIterable {
        case cluster
        case external
        case balancer
        case node
    }

    /// Where clients connect to, as the lab's agent takes it.
    var targets: [String] {
        IPFamily.allCases.flatMap { family in
            Frontend.allCases.flatMap { frontend in
                let (tcp, udp) = frontend == .node ? (30080 + number, 30050 + number) : (80, 53)
                let address = address(family, frontend)
                let text = family == .ipv6 ? "[\(address)]" : "\(address)"
                return ["\(text):\(tcp)/tcp", "\(text):\(udp)/udp"]
            }
        }
    }

    /// Services by the address and port of their frontends for UDP, as `address port`.
    static var udpFrontends: [String: Int] {
        var frontends: [String: Int] = [:]
        for service in (0..<count).map(SoakService.init(number:)) {
            for family in IPFamily.allCases {
                for frontend in Frontend.allCases {
                    let port = frontend == .node ? 30050 + service.number : 53
                    frontends["\(service.address(family, frontend)) \(port)"] = service.number
                }
            }
        }
        return frontends
    }

    /// Pods by the address and port of their servers for UDP.
    static var udpEndpoints: [String: Int] {
        var endpoints: [String: Int] = [:]
        for pod in pods {
            for family in IPFamily.allCases {
                endpoints["\(LabAddresses.pod(pod, family)) 5353"] = pod
            }
        }
        return endpoints
    }

    private func address(_ family: IPFamily, _ frontend: Frontend) -> IPAddress {
        switch (frontend, family) {
        case (.cluster, .ipv4): .known("10.96.0.\(10 + number)")
        case (.cluster, .ipv6): .known("fd00:96::\(10 + number)")
        case (.external, .ipv4): .known("198.51.100.\(10 + number)")
        case (.external, .ipv6): .known("2001:db8:51::\(10 + number)")
        case (.balancer, .ipv4): .known("198.51.100.\(20 + number)")
        case (.balancer, .ipv6): .known("2001:db8:51::\(20 + number)")
        case (.node, _): .known(LabAddresses.node(family))
        }
    }
}

extension IPAddress {
    /// An address of the lab, which is written in the program.
    static func known(_ text: String) -> IPAddress {
        guard let address = IPAddress(text) else { preconditionFailure("not an address: \(text)") }
        return address
    }
}

extension PortNumber {
    /// A port that is written in the program.
    static func known(_ number: Int) -> PortNumber {
        guard let port = PortNumber(number) else {
            preconditionFailure("not a port: \(number)")
        }
        return port
    }
}
