package import Addressing

/// A UDP conntrack entry, in its original direction.
package struct UDPFlow: Sendable, Hashable {
    /// The destination the client sends to.
    package var destination: SocketAddress
    /// The address expected to reply: the chosen endpoint, or the destination itself without
    /// translation.
    package var responder: SocketAddress

    package init(destination: SocketAddress, responder: SocketAddress) {
        self.destination = destination
        self.responder = responder
    }
}
