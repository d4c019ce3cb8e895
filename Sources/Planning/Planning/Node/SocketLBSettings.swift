package import Addressing
package import ServiceModel

/// What socket-level load balancing takes on.
package struct SocketLBSettings: Sendable, Equatable {
    /// Never SCTP. Frontends of other protocols are left to the mode's rules.
    package var protocols: Set<TransportProtocol>
    /// How the mode spreads connections where a Service does not say; nil is at random, by weight.
    package var scheduler: Scheduler?

    package init(protocols: Set<TransportProtocol> = [.tcp], scheduler: Scheduler? = nil) {
        self.protocols = protocols
        self.scheduler = scheduler
    }
}
