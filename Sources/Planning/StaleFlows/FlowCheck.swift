package import Addressing
package import DataplaneModel
import ServiceModel

/// Which UDP flows to some frontends of one family have to be forgotten, because the endpoint that
/// they go to is none any more.
package struct FlowCheck: Sendable, Equatable {
    /// Frontends, each with all endpoints to which flows may go on; none if none may.
    package var frontends: [SocketAddress: Set<SocketAddress>] = [:]
    /// The same for node ports, whatever the address.
    package var nodePorts: [PortNumber: Set<SocketAddress>] = [:]

    package init() {}

    package var isEmpty: Bool { frontends.isEmpty && nodePorts.isEmpty }

    /// Adds a check made later, which knows better about what both are about.
    package mutating func merge(_ later: FlowCheck) {
        frontends.merge(later.frontends) { $1 }
        nodePorts.merge(later.nodePorts) { $1 }
    }

    /// Whether a flow has to go; `acceptsNodePorts` says it of this node's addresses.
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

extension PlannerSettings {
    /// Which of this node's addresses, `local`, accept node ports in a family. Loopback addresses
    /// are among them only with `servesLocalhost`.
    package func nodePortAddresses(
        _ family: IPFamily,
        local: [IPAddress],
        servesLocalhost: Bool
    ) -> Set<IPAddress> {
        let own = Set(local).filter {
            $0.family == family && (servesLocalhost && localhostNodePorts || !$0.isLoopback)
        }
        switch nodePortAddresses {
        case .all: return own
        case .primary: return Set(node.addresses).filter { $0.family == family }
        case .ranges(let ranges):
            let wanted = ranges.filter { $0.family == family }
            guard !wanted.isEmpty else { return own }
            return own.filter { address in wanted.contains { $0.contains(address) } }
        }
    }
}
