package import Addressing

/// What the node itself says about itself, in one network namespace.
package struct NodeFacts: Equatable, Sendable {
    package var hostName: String
    /// Addresses on interfaces.
    package var localAddresses: [IPAddress]
    /// The node's own addresses, one a family, where the configuration names none.
    package var primaryAddresses: [IPAddress]
    /// Whether out-of-window segments count as valid, so that invalid packets need no drop.
    package var tcpIsLiberal: Bool

    package init(
        hostName: String,
        localAddresses: [IPAddress] = [],
        primaryAddresses: [IPAddress] = [],
        tcpIsLiberal: Bool = false
    ) {
        self.hostName = hostName
        self.localAddresses = localAddresses
        self.primaryAddresses = primaryAddresses
        self.tcpIsLiberal = tcpIsLiberal
    }
}
