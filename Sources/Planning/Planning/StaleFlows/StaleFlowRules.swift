package import Addressing
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
    /// The endpoints of frontends, by the Service that claims them.
    private var claims: [FrontendKey: [ServiceName: Set<SocketAddress>]] = [:]
    private var endpoints: [ServiceName: [FrontendKey: Set<SocketAddress>]] = [:]
    /// Frontends by their port: they come before a node port of that number.
    private var frontends: [PortNumber: Set<SocketAddress>] = [:]

    /// Without Services.
    package init() {}

    /// Updates the named Services and returns which flows have to be checked. Work grows with those
    /// Services, not with the cluster.
    package mutating func update(_ names: [ServiceName], of desired: DesiredState) -> FlowCheck {
        var touched: Set<FrontendKey> = []
        for name in names {
            let old = endpoints[name] ?? [:]
            let new = desired.services[name].map(Self.endpoints) ?? [:]
            if old.isEmpty, new.isEmpty { continue }
            endpoints[name] = new.isEmpty ? nil : new
            for key in Set(old.keys).union(new.keys) where old[key] != new[key] {
                claim(key, by: name, new[key])
                if Self.losesFlows(old[key], new[key]) { touched.insert(key) }
            }
        }
        return check(touched)
    }

    /// The flows of all node ports, and of the addresses that accept them no more. Those to an address that accepts
    /// them only now were left alone when endpoints went.
    package func nodePorts(withdrawnFrom addresses: Set<IPAddress>) -> FlowCheck {
        let keys = claims.keys.filter { key in
            if case .nodePort = key { true } else { false }
        }
        var check = check(Set(keys))
        for case .nodePort(let port, let transport) in keys {
            for socket in addresses.map({ SocketAddress($0, port) })
            where claims[.address(socket, transport)] == nil {
                check.frontends[socket] = []
            }
        }
        return check
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
        _ key: FrontendKey,
        by name: ServiceName,
        _ endpoints: Set<SocketAddress>?
    ) {
        claims[key, default: [:]][name] = endpoints
        if claims[key]?.isEmpty ?? false { claims[key] = nil }
        guard case .address(let socket, _) = key else { return }
        if claims[key] != nil {
            frontends[socket.port, default: []].insert(socket)
        } else {
            frontends[socket.port]?.remove(socket)
            if frontends[socket.port]?.isEmpty ?? false { frontends[socket.port] = nil }
        }
    }

    private func check(_ touched: Set<FrontendKey>) -> FlowCheck {
        var check = FlowCheck()
        for key in touched {
            switch key {
            case .address(let socket, _): check.frontends[socket] = allowed(key)
            case .nodePort(let port, let transport):
                check.nodePorts[port] = allowed(key)
                for socket in frontends[port] ?? [] {
                    check.frontends[socket] = allowed(.address(socket, transport))
                }
            case .healthCheck, .remainder, .mark: break
            }
        }
        return check
    }

    /// Of a frontend that several Services claim, which is an issue of the plan's, all are right.
    private func allowed(_ key: FrontendKey) -> Set<SocketAddress> {
        (claims[key] ?? [:]).values.reduce(into: []) { $0.formUnion($1) }
    }

    private static func endpoints(
        _ service: ServiceState
    ) -> [FrontendKey: Set<SocketAddress>] {
        var result: [FrontendKey: Set<SocketAddress>] = [:]
        for port in service.ports where port.name.transport == .udp {
            let endpoints = Set(port.endpoints.serving)
            for frontend in port.frontends {
                result[frontend.key, default: []].formUnion(endpoints)
                // What goes to the endpoint untranslated stays as it is.
                if port.forwarding != .nat, case .address(let socket, _) = frontend.key {
                    result[frontend.key]?.insert(socket)
                }
            }
        }
        return result
    }
}
