import Addressing
import DataplaneModel
import ServiceModel

/// What ipvs mode has for a frontend: a virtual server, and what the rules do to connections there.
struct FrontendServer: Equatable {
    /// Nil for a health check port.
    var server: VirtualServer?
    var handling = FrontendHandling()
}

/// What the rules do to connections to a frontend, by the sets it is in.
struct FrontendHandling: Equatable {
    /// Which connections get the node's address as their source.
    enum Masquerade {
        case never
        /// Unless the client is a local pod.
        case unlessLocal
        case always
    }

    /// The address is bound to this node for the Service.
    var isBound = false
    var masquerade = Masquerade.never
    /// Leads internal clients to the virtual server of this mark.
    var internalMark: UInt32?
    /// New connections are dropped: all endpoints are elsewhere.
    var isDropped = false
    /// The only sources that may connect; nil allows all.
    var allowedSources: [IPPrefix]?
}

extension FrontendClaim<FrontendServer> {
    /// What the claim puts into the sets, if it wins. Every role of sets is considered.
    func forEachEntry(_ body: (NameScheme.SetRole, IPSetEntry, _ mark: UInt32) -> Void) {
        switch key {
        case .healthCheck(let port): body(.healthChecks, .port(port), 0)
        case .mark, .nodePort, .remainder: break
        case .address(let socket, let transport):
            let entry = IPSetEntry.frontend(socket, transport)
            let handling = content.handling
            body(.services, entry, 0)
            switch handling.masquerade {
            case .never: break
            case .unlessLocal: body(.clusterIPs, entry, 0)
            case .always: body(.masqueraded, entry, 0)
            }
            if let mark = handling.internalMark { body(.internalClients, entry, mark) }
            if handling.isDropped { body(.dropped, entry, 0) }
            guard let sources = handling.allowedSources else { return }
            body(.sourceRestricted, entry, 0)
            for source in sources { body(.allowed, .frontendSource(socket, transport, source), 0) }
        }
    }

    /// The address to bind; nil if there is none.
    var boundAddress: IPAddress? {
        guard content.handling.isBound, case .address(let socket, _) = key else { return nil }
        return socket.address
    }
}

extension FrontendKey {
    init(_ key: VirtualServer.Key) {
        switch key {
        case .frontend(let socket, let transport): self = .address(socket, transport)
        case .mark(let mark, _): self = .mark(mark)
        }
    }
}
