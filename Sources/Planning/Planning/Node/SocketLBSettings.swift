package import Addressing

/// What socket-level load balancing takes on.
package struct SocketLBSettings: Sendable, Equatable {
    /// Never SCTP. Frontends of other protocols are left to the mode's rules.
    package var protocols: Set<TransportProtocol>

    package init(protocols: Set<TransportProtocol> = [.tcp]) {
        self.protocols = protocols
    }
}
