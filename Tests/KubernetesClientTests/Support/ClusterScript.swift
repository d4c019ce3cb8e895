import Addressing
import KubernetesTestServer
import ServiceModel
import TestSupport

/// Random changes to a cluster, the same ones for the same seed, and what they amount to.
struct ClusterScript {
    let cluster: TestCluster
    private(set) var services: [ServiceName: Service] = [:]
    private(set) var slices: [ServiceName: [String: EndpointSlice]] = [:]
    private(set) var ranges: [String: [IPPrefix]] = [:]
    private(set) var node: ClusterNode?
    private var generator: SplitMix64

    init(_ cluster: TestCluster, seed: UInt64) {
        self.cluster = cluster
        generator = SplitMix64(seed: seed)
    }

    /// The snapshot's Services as they should be.
    var expectedServices: ServiceMap<Service> {
        var map: ServiceMap<Service> = [:]
        for (name, service) in services {
            var service = service
            service.origin = .cluster
            map[name] = service
        }
        return map
    }

    var expectedSlices: ServiceMap<[EndpointSlice]> {
        var map: ServiceMap<[EndpointSlice]> = [:]
        for (name, byName) in slices where !byName.isEmpty {
            map[name] = byName.values.sorted { $0.name < $1.name }
        }
        return map
    }

    var expectedRanges: [IPPrefix] { Set(ranges.values.joined()).sorted() }

    /// Changes one object.
    mutating func step() {
        let name = ServiceName(namespace: "shop", name: "s\(number(8))")
        let slice = "\(name.name)-\(number(2))"
        switch number(12) {
        case 0:
            services[name] = nil
            cluster.delete(.services, ClusterKey(namespace: "shop", name: name.name))
        case 1:
            slices[name]?[slice] = nil
            cluster.delete(.endpointSlices, ClusterKey(namespace: "shop", name: slice))
        case 2: changeNode()
        case 3: changeRanges()
        case 4...7:
            let new = service(name)
            services[name] = new
            cluster.put(.service(new))
        default:
            let new = self.slice(slice, of: name)
            slices[name, default: [:]][slice] = new
            cluster.put(.slice(new))
        }
    }

    private mutating func changeNode() {
        if number(4) == 0 {
            node = nil
            cluster.delete(.nodes, ClusterKey(namespace: "", name: "node-a"))
            return
        }
        let new = ClusterNode(
            name: "node-a",
            zone: "zone-\(number(3))",
            addresses: [IPAddress(ipv4: 0xc000_0200 + UInt32(number(9)))]
        )
        node = new
        cluster.put([.node(new), .node(ClusterNode(name: "node-b"))])
    }

    private mutating func changeRanges() {
        let name = "range-\(number(2))"
        if number(3) == 0 {
            ranges[name] = nil
            cluster.delete(.serviceCIDRs, ClusterKey(namespace: "", name: name))
        } else {
            let new = [IPPrefix(IPAddress(ipv4: 0x0a60_0000 + UInt32(number(4)) << 16), length: 16)]
            ranges[name] = new
            cluster.put(.serviceCIDR(name: name, new))
        }
    }

    private mutating func service(_ name: ServiceName) -> Service {
        let kind = ServiceKind.allCases.randomElement(using: &generator) ?? .clusterIP
        var service = Service(
            name: name,
            kind: kind,
            clusterIPs: [IPAddress(ipv4: 0x0a60_0001 + UInt32(number(99)))]
        )
        if number(3) == 0 {
            service.clusterIPs.append(
                IPAddress(family: .ipv6, bits: 0xfd00 << 112 | UInt128(1 + number(99)))
            )
            service.families = [.ipv4, .ipv6]
        }
        service.ports = ["http", "dns"].prefix(1 + number(2)).enumerated().compactMap {
            index,
            name in
            PortNumber(80 + index).map {
                ServicePort(
                    name: name,
                    transport: index == 0 ? .tcp : .udp,
                    port: $0,
                    nodePort: kind == .clusterIP ? nil : PortNumber(30000 + number(99))
                )
            }
        }
        if kind == .loadBalancer {
            service.loadBalancerAddresses = [IPAddress(ipv4: 0xc633_6401 + UInt32(number(5)))]
        }
        if number(3) == 0 { service.sessionAffinity = .clientIP(timeoutSeconds: 60) }
        if number(3) == 0 { service.internalTrafficPolicy = .local }
        if number(3) == 0, kind != .clusterIP { service.externalTrafficPolicy = .local }
        return service
    }

    private mutating func slice(_ name: String, of service: ServiceName) -> EndpointSlice {
        EndpointSlice(
            name: name,
            service: service,
            family: .ipv4,
            ports: [("http", TransportProtocol.tcp, 8080), ("dns", .udp, 53)].compactMap { port in
                PortNumber(port.2).map {
                    EndpointPort(name: port.0, transport: port.1, port: $0)
                }
            },
            endpoints: (0..<number(5)).map { index in
                Endpoint(
                    address: IPAddress(ipv4: 0x0ab4_0001 + UInt32(index * 16 + number(16))),
                    ready: number(4) > 0,
                    nodeName: "node-a",
                    zone: "zone-\(number(3))",
                    zoneHints: number(2) == 0 ? ["zone-1"] : [],
                    weight: number(4) == 0 ? 5 : 1
                )
            }
        )
    }

    private mutating func number(_ limit: Int) -> Int {
        Int.random(in: 0..<limit, using: &generator)
    }
}
