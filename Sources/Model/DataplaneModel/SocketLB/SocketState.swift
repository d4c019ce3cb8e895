package import Addressing

/// What the programs at `connect()` and `sendmsg()` look up, for one family.
///
/// A frontend that is absent is left to the packet rules, which stay underneath.
package struct SocketState: Sendable, Equatable {
    package var frontends: [SocketFrontend: SocketAction] = [:]
    /// By number, which is never 0.
    package var groups: [UInt32: SocketGroup] = [:]
    /// Where node ports answer: the node's own addresses that accept them, and loopback addresses.
    package var nodeAddresses: Set<IPAddress> = []
    /// Whether this version's programs are attached and look up these maps. True in every plan; false as
    /// observed before they are attached the first time, after an upgrade, and when another program
    /// detached or replaced one.
    package var isAttached = true

    package init() {}
}

/// What a program on this node connects or sends to.
package struct SocketFrontend: Sendable, Hashable {
    /// Nil for a node port, which answers at each of `SocketState.nodeAddresses`.
    package var address: IPAddress?
    package var port: PortNumber
    package var transport: TransportProtocol

    package init(address: IPAddress?, port: PortNumber, transport: TransportProtocol) {
        self.address = address
        self.port = port
        self.transport = transport
    }
}

extension SocketFrontend: Comparable, CustomStringConvertible {
    /// By address, port and protocol; node ports come last.
    package static func < (left: SocketFrontend, right: SocketFrontend) -> Bool {
        switch (left.address, right.address) {
        case (let mine?, let other?) where mine != other: mine < other
        case (nil, _?): false
        case (_?, nil): true
        default: (left.port, left.transport) < (right.port, right.transport)
        }
    }

    /// `10.96.0.10:80/tcp`; a node port is `30080/tcp`.
    package var description: String {
        let place = address.map { "\(SocketAddress($0, port))" } ?? "\(port)"
        return "\(place)/\(transport.keyword)"
    }
}

package enum SocketAction: Sendable, Equatable {
    /// The number of the group whose endpoints connections go to.
    case group(UInt32)
    /// There is no endpoint: `connect()` fails with ECONNREFUSED.
    case refuse
    /// Endpoints exist, but none that the traffic policy allows here: left to the packet rules, which drop.
    /// Known to the programs, so that a node port of that number is not looked up for the address.
    case leave
}

/// Endpoints that connections are spread over.
package struct SocketGroup: Sendable {
    /// How a slot is chosen.
    package enum Choice: UInt32, Sendable {
        case random = 0
        /// By the client's address where its socket has one, or else by its network namespace.
        case hashedClient = 1
    }

    package var choice: Choice
    /// A client keeps its endpoint for so long after its last connection; nil without session affinity.
    package var affinityTimeoutSeconds: UInt32?
    /// Whether flows of datagrams go to it, which keep their endpoint as long as the group has it.
    package var isForDatagrams: Bool
    /// Never empty, at most 4095; an endpoint with more weight has more slots.
    package var slots: [SocketAddress]
    /// The Service port; shown in plans but not stored in the kernel, so not part of equality. It becomes text only
    /// where it is shown.
    package var label: (any CustomStringConvertible & Sendable)?
    package var title: String? { label.map { "\($0)" } }

    package init(
        choice: Choice,
        affinityTimeoutSeconds: UInt32? = nil,
        isForDatagrams: Bool = false,
        slots: [SocketAddress],
        label: (any CustomStringConvertible & Sendable)? = nil
    ) {
        self.choice = choice
        self.affinityTimeoutSeconds = affinityTimeoutSeconds
        self.isForDatagrams = isForDatagrams
        self.slots = slots
        self.label = label
    }
}

extension SocketGroup: Equatable {
    package static func == (left: SocketGroup, right: SocketGroup) -> Bool {
        left.choice == right.choice && left.affinityTimeoutSeconds == right.affinityTimeoutSeconds
            && left.isForDatagrams == right.isForDatagrams && left.slots == right.slots
    }
}
