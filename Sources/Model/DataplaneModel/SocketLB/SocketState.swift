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
package struct SocketGroup: Sendable, Equatable {
    /// How a slot is chosen.
    package enum Choice: UInt32, Sendable {
        case random = 0
        /// By the client's address where its socket has one, or else by its network namespace.
        case hashedClient = 1
    }

    package var choice: Choice
    /// A client keeps its endpoint for so long after its last connection; nil without session affinity.
    package var affinityTimeoutSeconds: UInt32?
    /// Never empty, at most 4095; an endpoint with more weight has more slots.
    package var slots: [SocketAddress]

    package init(choice: Choice, affinityTimeoutSeconds: UInt32? = nil, slots: [SocketAddress]) {
        self.choice = choice
        self.affinityTimeoutSeconds = affinityTimeoutSeconds
        self.slots = slots
    }
}

/// The changes from one state to another. Stores apply them so that no lookup ever finds a frontend
/// without its group, or a group without an endpoint in a slot.
package struct SocketDiff: Sendable, Equatable {
    /// New or with another action, sorted by `SocketFrontend`.
    package var setFrontends: [(key: SocketFrontend, action: SocketAction)] = []
    package var removedFrontends: [SocketFrontend] = []
    /// `old` is nil for a new group, `new` is nil for one that goes.
    package var groups: [GroupChange] = []
    package var addedNodeAddresses: [IPAddress] = []
    package var removedNodeAddresses: [IPAddress] = []
    /// Attaches the programs, or replaces attached ones, after all other changes. Counts as one change.
    package var attaches = false

    package struct GroupChange: Sendable, Equatable {
        package var number: UInt32
        package var old: SocketGroup?
        package var new: SocketGroup?

        package init(number: UInt32, old: SocketGroup?, new: SocketGroup?) {
            self.number = number
            self.old = old
            self.new = new
        }
    }

    package init() {}

    package static func == (left: SocketDiff, right: SocketDiff) -> Bool {
        left.setFrontends.elementsEqual(right.setFrontends, by: ==)
            && left.removedFrontends == right.removedFrontends && left.groups == right.groups
            && left.addedNodeAddresses == right.addedNodeAddresses
            && left.removedNodeAddresses == right.removedNodeAddresses
            && left.attaches == right.attaches
    }
}
