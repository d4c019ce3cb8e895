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
    /// Before any translation, as is the port below.
    private(set) var originalDestination: IPAddress
    private(set) var originalPort: PortNumber?
    var mark: UInt32 = 0
    /// `meta priority`, the kernel's `skb->priority`.
    var priority: UInt32 = 0
    /// The destination set by a DNAT target, even if it is the original one.
    var endpoint: SocketAddress?
    /// The kernel's `IPS_DST_NAT`: the destination has actually changed.
    var destinationChanged = false
    /// The kernel's `ipvs_property`: IPVS has chosen the destination.
    var takenByIPVS = false
    /// The real server that gets the packet with an unchanged destination.
    var gateway: IPAddress?

    /// The next hop.
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

    /// Current address and port, for the trace.
    var destinationText: String {
        port.map { SocketAddress(destination, $0).description } ?? destination.description
    }
}

extension UInt32 {
    /// `0x4000`.
    var hexadecimal: String { "0x" + String(self, radix: 16) }
}
