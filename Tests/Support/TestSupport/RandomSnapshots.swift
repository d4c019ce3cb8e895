import Addressing
package import ServiceModel

/// Snapshots that are a little different from one another, the same ones for the same seed: few
/// names, addresses and ports, so that Services contend for them.
package struct RandomSnapshots {
    package private(set) var snapshot = ServiceSnapshot()
    private var generator: SplitMix64

    package init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    /// Changes up to three Services.
    package mutating func next() -> SnapshotUpdate {
        var changed: Set<ServiceName> = []
        for _ in 0...number(3) {
            let name = ServiceName(namespace: "shop", name: "s\(number(12))")
            changed.insert(name)
            switch number(6) {
            case 0:
                snapshot.services[name] = nil
                if chance(2) { snapshot.slices[name] = nil }
            case 1, 2: snapshot.slices[name] = slices(name)
            default:
                snapshot.services[name] = service(name)
                if snapshot.slices[name] == nil { snapshot.slices[name] = slices(name) }
            }
        }
        snapshot.revision += 1
        return SnapshotUpdate(snapshot: snapshot, changed: .some(changed))
    }

    private mutating func service(_ name: ServiceName) -> Service {
        var service = Service(name: name, clusterIPs: [], ports: [])
        service.clusterIPs = [IPAddress(ipv4: 0x0a60_0001 + UInt32(number(20)))]
        if chance(2) { service.clusterIPs.append(ipv6(0x96, number(20))) }
        service.families = IPFamilies(service.clusterIPs.map(\.family))
        let names = ["http", "dns", "sig"]
        service.ports = (0...number(3)).compactMap { index in
            PortNumber(80 + number(3)).map {
                ServicePort(
                    name: names[index % 3],
                    transport: TransportProtocol.allCases.randomElement(using: &generator) ?? .tcp,
                    port: $0,
                    nodePort: chance(2) ? PortNumber(30000 + number(9)) : nil
                )
            }
        }
        if chance(3) { service.externalIPs = [IPAddress(ipv4: 0x0a60_0001 + UInt32(number(30)))] }
        if chance(3) {
            service.loadBalancerAddresses = [IPAddress(ipv4: 0xc633_6401 + UInt32(number(5)))]
            if chance(2) {
                service.loadBalancerSourceRanges = [
                    IPPrefix(IPAddress(ipv4: 0xc000_0200), length: 24)
                ]
            }
        }
        service.externalTrafficPolicy = chance(2) ? .local : .cluster
        service.internalTrafficPolicy = chance(4) ? .local : .cluster
        service.sessionAffinity = chance(3) ? .clientIP(timeoutSeconds: 60) : .none
        if chance(5) { service.healthCheckNodePort = PortNumber(32000 + number(4)) }
        return service
    }

    private mutating func slices(_ name: ServiceName) -> [EndpointSlice] {
        let size = [0, 1, 2, 5, 40][number(5)]
        return IPFamily.allCases.map { family in
            EndpointSlice(
                name: "\(name.name)-\(family.rawValue.lowercased())",
                service: name,
                family: family,
                ports: ["http", "dns", "sig"].flatMap { port in
                    TransportProtocol.allCases.compactMap { transport in
                        PortNumber(8080).map {
                            EndpointPort(name: port, transport: transport, port: $0)
                        }
                    }
                },
                endpoints: (0..<size).map { _ in endpoint(family) }
            )
        }
    }

    private mutating func endpoint(_ family: IPFamily) -> Endpoint {
        let terminating = chance(6)
        return Endpoint(
            address: family == .ipv4
                ? IPAddress(ipv4: 0x0ab4_0001 + UInt32(number(200))) : ipv6(0x180, number(200)),
            ready: !terminating && !chance(6),
            serving: !chance(6),
            terminating: terminating,
            nodeName: chance(2) ? "node-a" : "node-b",
            zoneHints: chance(3) ? [] : ["zone-\(number(2))"]
        )
    }

    private func ipv6(_ network: UInt128, _ host: Int) -> IPAddress {
        IPAddress(family: .ipv6, bits: 0xfd00 << 112 | network << 96 | UInt128(host + 1))
    }

    private mutating func chance(_ oneIn: Int) -> Bool { number(oneIn) == 0 }

    private mutating func number(_ limit: Int) -> Int {
        Int.random(in: 0..<limit, using: &generator)
    }
}
