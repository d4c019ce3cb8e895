import Addressing
import ArgumentParser
import ServiceModel

/// `services` ClusterIP Services with `endpoints` endpoints each, one TCP port: the shape every
/// measurement here uses.
struct Workload: Sendable {
    var services: Int
    var endpoints: Int
    /// Each Service has a port of each.
    var transports: [TransportProtocol] = [.tcp]

    /// `5000x10`.
    init?(_ text: String) {
        let parts = text.split(separator: "x").compactMap { Int($0) }
        guard parts.count == 2, parts.allSatisfy({ $0 > 0 }) else { return nil }
        self.init(services: parts[0], endpoints: parts[1])
    }

    init(services: Int, endpoints: Int) {
        self.services = services
        self.endpoints = endpoints
    }

    /// For the arguments of commands.
    static func requireSizes(_ texts: [String]) throws {
        for text in texts where Workload(text) == nil {
            throw ValidationError("\(text) is not a size such as 5000x10")
        }
    }

    var description: String { "\(services)x\(endpoints)" }

    static let port = PortNumber(80).unsafelyKnown
    static let targetPort = PortNumber(8080).unsafelyKnown

    /// Where ClusterIPs and endpoints come from.
    static let clusterIPs = IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 12)
    static let pods = IPPrefix(IPAddress(ipv4: 0x0a80_0000), length: 9)

    func name(_ index: Int) -> ServiceName {
        ServiceName(namespace: "bench", name: "service-\(index)")
    }

    /// 10.96.0.1, and on.
    func clusterIP(_ index: Int) -> IPAddress {
        IPAddress(ipv4: 0x0a60_0001 + UInt32(index))
    }

    /// 10.128.0.1, and on.
    func endpoint(_ index: Int, _ member: Int) -> IPAddress {
        IPAddress(ipv4: 0x0a80_0001 + UInt32(index * endpoints + member))
    }

    /// The only port needs none.
    private func portName(_ transport: TransportProtocol) -> String {
        transports.count > 1 ? transport.keyword : ""
    }

    func service(_ index: Int) -> Service {
        Service(
            name: name(index),
            clusterIPs: [clusterIP(index)],
            ports: transports.map { transport in
                ServicePort(name: portName(transport), transport: transport, port: Self.port)
            }
        )
    }

    func slice(_ index: Int, members: Int) -> EndpointSlice {
        EndpointSlice(
            name: "service-\(index)-1",
            service: name(index),
            family: .ipv4,
            ports: transports.map { transport in
                EndpointPort(
                    name: portName(transport),
                    transport: transport,
                    port: Self.targetPort
                )
            },
            endpoints: (0..<members).map { Endpoint(address: endpoint(index, $0)) }
        )
    }

    /// The whole workload as one update.
    var full: SnapshotUpdate {
        var snapshot = ServiceSnapshot(revision: 1)
        for index in 0..<services {
            snapshot.services[name(index)] = service(index)
            snapshot.slices[name(index)] = [slice(index, members: endpoints)]
        }
        return SnapshotUpdate(snapshot: snapshot, changed: .all)
    }

    /// The middle Service loses (odd `step`) or regains its last endpoint.
    func change(of snapshot: ServiceSnapshot, step: Int) -> SnapshotUpdate {
        let index = services / 2
        var next = snapshot
        next.revision += 1
        next.slices[name(index)] = [
            slice(index, members: step.isMultiple(of: 2) ? endpoints : endpoints - 1)
        ]
        return SnapshotUpdate(snapshot: next, changed: .some([name(index)]))
    }
}

extension Optional {
    /// For constants that are known to be valid.
    fileprivate var unsafelyKnown: Wrapped {
        guard let self else { preconditionFailure("a constant is invalid") }
        return self
    }
}
