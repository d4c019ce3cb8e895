package import Addressing
package import ServiceModel

/// Where clients reach a Service port in one family.
package struct Frontend: Sendable, Hashable {
    package var kind: FrontendKind
    package var key: FrontendKey
}

/// What clients send to; Services contend for it.
package enum FrontendKey: Sendable, Hashable, CustomStringConvertible {
    case address(SocketAddress, TransportProtocol)
    /// On every address of the node that accepts node ports.
    case nodePort(PortNumber, TransportProtocol)
    /// On the node, over TCP.
    case healthCheck(PortNumber)
    /// All ports of an address that no Service has.
    case remainder(IPAddress)
    /// Packets with this mark, which rules give to clients inside the cluster (ipvs mode).
    case mark(UInt32)

    /// `10.96.0.10:80/tcp`, `30080/tcp`.
    package var description: String {
        switch self {
        case .address(let socket, let transport): "\(socket)/\(transport.keyword)"
        case .nodePort(let port, let transport): "\(port)/\(transport.keyword)"
        case .healthCheck(let port): "\(port)/tcp"
        case .remainder(let address): "\(address)"
        case .mark(let mark): "mark 0x\(String(mark, radix: 16))"
        }
    }
}

extension ServicePortState {
    /// Each once, in the order of ClusterIP, node port, external IPs and load-balancer addresses: an
    /// address that the Service has in more than one way is of the kind that comes first.
    package var frontends: [Frontend] {
        var all: [Frontend] = []
        all.reserveCapacity(2 + externalIPs.count + loadBalancerAddresses.count)
        func add(_ kind: FrontendKind, _ address: IPAddress) {
            let key = FrontendKey.address(SocketAddress(address, port), name.transport)
            all.append(Frontend(kind: kind, key: key))
        }
        if let clusterIP { add(.clusterIP, clusterIP) }
        if let nodePort {
            all.append(Frontend(kind: .nodePort, key: .nodePort(nodePort, name.transport)))
        }
        for address in externalIPs where address != clusterIP { add(.externalIP, address) }
        for address in loadBalancerAddresses
        where address != clusterIP && !externalIPs.contains(address) {
            add(.loadBalancer, address)
        }
        return all
    }

    /// The policy for connections to a frontend of that kind.
    package func policy(of kind: FrontendKind) -> TrafficPolicy {
        (kind == .clusterIP ? internalPolicyIsLocal : externalPolicyIsLocal) ? .local : .cluster
    }

    /// The only sources that may connect to the load-balancer addresses; nil lets all. A connection
    /// from the node itself may carry the load-balancer address as its source.
    var allowedSources: [IPPrefix]? {
        if sourceRanges.isEmpty { return nil }
        return sourceRanges
            + (sourceRangesIncludeNode ? loadBalancerAddresses.map { IPPrefix($0) } : [])
    }

    /// Clients inside the cluster reach other endpoints than clients outside.
    var separatesInternalClients: Bool { externalPolicyIsLocal && isExternallyAccessible }
}
