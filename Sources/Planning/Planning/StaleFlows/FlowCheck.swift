package import Addressing
package import DataplaneModel
import ServiceModel

/// Which UDP flows to some frontends of one family have to be deleted, because the endpoint that
/// they go to was removed.
package struct FlowCheck: Sendable, Equatable {
    /// Frontends, each with all endpoints to which flows may go on; none if none may.
    package var frontends: [SocketAddress: Set<SocketAddress>] = [:]
    /// The same for node ports, whatever the address.
    package var nodePorts: [PortNumber: Set<SocketAddress>] = [:]

    package init() {}

    package var isEmpty: Bool { frontends.isEmpty && nodePorts.isEmpty }

    /// Adds a later check, which replaces this one where both have a frontend.
    package mutating func merge(_ later: FlowCheck) {
        frontends.merge(later.frontends) { $1 }
        nodePorts.merge(later.nodePorts) { $1 }
    }

    /// Whether a flow has to be deleted; `acceptsNodePorts` is whether an address of this node accepts
    /// node ports.
    package func isStale(
        _ flow: UDPFlow,
        acceptsNodePorts: (IPAddress) -> Bool
    ) -> Bool {
        if let allowed = frontends[flow.destination] { return !allowed.contains(flow.responder) }
        guard let allowed = nodePorts[flow.destination.port],
            acceptsNodePorts(flow.destination.address)
        else { return false }
        return !allowed.contains(flow.responder)
    }
}
