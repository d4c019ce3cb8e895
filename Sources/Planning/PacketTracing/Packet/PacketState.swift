import Addressing

/// A packet as the rules see it at one moment.
struct PacketState: Hashable {
    /// Nil once masqueraded: some address of the node.
    var source: IPAddress?
    var destination: IPAddress
    /// Nil for ICMP.
    var port: PortNumber?
    /// Nil for ICMP.
    var transport: TransportProtocol?
    /// Before any translation, like the next one.
    private(set) var originalDestination: IPAddress
    private(set) var originalPort: PortNumber?
    var mark: UInt32 = 0
    /// `meta priority`, the kernel's `skb->priority`.
    var priority: UInt32 = 0
    /// Where a DNAT target sent it, even if that is where it went anyway.
    var endpoint: SocketAddress?
    /// The kernel's `IPS_DST_NAT`: the destination really changed.
    var destinationChanged = false
    /// The kernel's `ipvs_property`: IPVS has chosen where it goes.
    var takenByIPVS = false
    /// The real server that gets the packet with its destination unchanged.
    var gateway: IPAddress?

    /// Where it is sent next.
    var nextHop: IPAddress { gateway ?? destination }

    var masqueraded: Bool { source == nil }

    init(_ packet: TracedPacket) {
        source = packet.source
        destination = packet.destination.address
        originalDestination = destination
        if case .port(let socket, let transport) = packet.destination {
            port = socket.port
            originalPort = port
            self.transport = transport
        }
    }

    mutating func translate(to endpoint: SocketAddress) {
        destinationChanged =
            destination != endpoint.address || (port != nil && port != endpoint.port)
        destination = endpoint.address
        if port != nil { port = endpoint.port }
        self.endpoint = endpoint
    }

    /// Address and port it goes to now, for people.
    var destinationText: String {
        port.map { SocketAddress(destination, $0).description } ?? destination.description
    }
}
