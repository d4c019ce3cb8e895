import Addressing
import DataplaneModel
import ServiceModel

/// A wish to have a virtual server, or an open health check port, and what the rules do to
/// connections there.
struct ServerClaim: ContestedClaim {
    enum Frontend: Hashable {
        case server(VirtualServer.Key)
        case healthCheck(PortNumber)
    }

    var frontend: Frontend
    var rank: FrontendRank
    var owner: ServicePortName
    var standing: ClaimStanding
    /// Nil for a health check port.
    var server: VirtualServer?
    var handling = FrontendHandling()

    /// A node port is one thing to people, whatever addresses it is on.
    var subject: String {
        switch frontend {
        case .server(.frontend(let socket, let transport)) where rank == .nodePort:
            "\(socket.port)/\(transport.keyword)"
        case .server(let key): "\(key)"
        case .healthCheck(let port): "\(port)/tcp"
        }
    }
}

/// What the rules do to connections to a frontend, by the sets it is in.
struct FrontendHandling: Equatable {
    /// Whose connections get the node's address as their source.
    enum Masquerade {
        case nobody
        /// Those from elsewhere than local pods.
        case outsiders
        case everybody
    }

    /// The address is bound to this node for the Service.
    var isBound = false
    var masquerade = Masquerade.nobody
    /// Leads clients inside to the virtual server of this mark.
    var insideMark: UInt32?
    /// New connections are dropped: all endpoints are elsewhere.
    var isDropped = false
    /// The only sources that may connect; nil lets everybody.
    var allowedSources: [IPPrefix]?
}

extension ServerClaim {
    /// What the claim puts into the sets, if it wins. Every role of sets is considered.
    func forEachEntry(_ body: (NameScheme.SetRole, IPSetEntry, _ mark: UInt32) -> Void) {
        switch frontend {
        case .healthCheck(let port): body(.healthChecks, .port(port), 0)
        case .server(.mark): break
        case .server(.frontend(let socket, let transport)):
            let entry = IPSetEntry.frontend(socket, transport)
            body(.services, entry, 0)
            switch handling.masquerade {
            case .nobody: break
            case .outsiders: body(.clusterIPs, entry, 0)
            case .everybody: body(.masqueraded, entry, 0)
            }
            if let mark = handling.insideMark { body(.inside, entry, mark) }
            if handling.isDropped { body(.dropped, entry, 0) }
            guard let sources = handling.allowedSources else { return }
            body(.guarded, entry, 0)
            for source in sources { body(.allowed, .frontendSource(socket, transport, source), 0) }
        }
    }

    /// The address to bind; nil if there is none.
    var boundAddress: IPAddress? {
        guard handling.isBound, case .server(let key) = frontend else { return nil }
        return key.address
    }
}
