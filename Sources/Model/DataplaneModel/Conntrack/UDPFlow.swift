package import Addressing

/// A UDP flow that connection tracking remembers, in the direction in which it began.
package struct UDPFlow: Sendable, Hashable {
    /// What the client sends to.
    package var destination: SocketAddress
    /// Who is to answer: the endpoint that was chosen, or the destination itself where nothing was
    /// translated.
    package var responder: SocketAddress

    package init(destination: SocketAddress, responder: SocketAddress) {
        self.destination = destination
        self.responder = responder
    }
}
