import Addressing
package import ServiceModel

/// Finds out which UDP flows a change of Services leaves behind.
///
/// A UDP flow has no end, and a client that keeps its source port keeps its flow: without this it
/// would go to an endpoint that is gone for as long as it sends. TCP and SCTP have ends of their
/// own, and their flows are never looked at.
///
/// Flows to an endpoint that answers go on, though policy, hints or weight send new ones elsewhere.
/// A flow that began before there was a Service, and so is untranslated, goes to no endpoint.
package struct StaleFlowRules: Sendable {
    /// What a client can send to.
    private enum Place: Hashable {
        case frontend(SocketAddress)
        case nodePort(PortNumber)
    }

    /// The endpoints of places, by the Service that claims them.
    private var claims: [Place: [ServiceName: Set<SocketAddress>]] = [:]
    private var places: [ServiceName: [Place: Set<SocketAddress>]] = [:]
    /// Frontends by their port: they come before a node port of that number.
    private var frontends: [PortNumber: Set<SocketAddress>] = [:]

    /// Without Services.
    package init() {}

    /// Takes over the state of the named Services and returns what has to be looked at. Work grows
    /// with those Services, not with the cluster.
    package mutating func update(_ names: [ServiceName], of desired: DesiredState) -> FlowCheck {
        var touched: Set<Place> = []
        for name in names {
            let old = places[name] ?? [:]
            let new = desired.services[name].map(Self.places) ?? [:]
            places[name] = new.isEmpty ? nil : new
            for place in Set(old.keys).union(new.keys) where old[place] != new[place] {
                claim(place, by: name, new[place])
                if Self.losesFlows(old[place], new[place]) { touched.insert(place) }
            }
        }
        return check(touched)
    }

    /// Endpoints that are only added leave the flows to the others as they are.
    private static func losesFlows(
        _ old: Set<SocketAddress>?,
        _ new: Set<SocketAddress>?
    ) -> Bool {
        guard let old, let new, !old.isEmpty else { return true }
        return !new.isSuperset(of: old)
    }

    private mutating func claim(
        _ place: Place,
        by name: ServiceName,
        _ endpoints: Set<SocketAddress>?
    ) {
        claims[place, default: [:]][name] = endpoints
        if claims[place]?.isEmpty ?? false { claims[place] = nil }
        guard case .frontend(let socket) = place else { return }
        if claims[place] != nil {
            frontends[socket.port, default: []].insert(socket)
        } else {
            frontends[socket.port]?.remove(socket)
            if frontends[socket.port]?.isEmpty ?? false { frontends[socket.port] = nil }
        }
    }

    private func check(_ touched: Set<Place>) -> FlowCheck {
        var check = FlowCheck()
        for place in touched {
            switch place {
            case .frontend(let socket): check.frontends[socket] = allowed(place)
            case .nodePort(let port):
                check.nodePorts[port] = allowed(place)
                for socket in frontends[port] ?? [] {
                    check.frontends[socket] = allowed(.frontend(socket))
                }
            }
        }
        return check
    }

    /// Of a place that several Services claim, which is an issue of the plan's, all are right.
    private func allowed(_ place: Place) -> Set<SocketAddress> {
        (claims[place] ?? [:]).values.reduce(into: []) { $0.formUnion($1) }
    }

    private static func places(_ service: ServiceState) -> [Place: Set<SocketAddress>] {
        var places: [Place: Set<SocketAddress>] = [:]
        for port in service.ports where port.name.transport == .udp {
            let endpoints = Set(port.endpoints.serving)
            let addresses =
                [port.clusterIP].compactMap(\.self) + port.externalIPs
                + port.loadBalancerAddresses
            for address in addresses {
                let socket = SocketAddress(address, port.port)
                // What goes to the endpoint untranslated stays as it is.
                let itself: Set = port.forwarding == .nat ? [] : [socket]
                places[.frontend(socket), default: []].formUnion(endpoints.union(itself))
            }
            if let nodePort = port.nodePort {
                places[.nodePort(nodePort), default: []].formUnion(endpoints)
            }
        }
        return places
    }
}
