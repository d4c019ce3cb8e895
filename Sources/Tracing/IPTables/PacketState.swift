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
    var mark: UInt32 = 0
    /// Where a DNAT target sent it, even if that is where it went anyway.
    var endpoint: SocketAddress?
    /// The kernel's `IPS_DST_NAT`: the destination really changed.
    var destinationChanged = false

    var masqueraded: Bool { source == nil }

    init(_ packet: TracedPacket) {
        source = packet.source
        destination = packet.destination.address
        if case .port(let socket, let transport) = packet.destination {
            port = socket.port
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

extension PacketState {
    /// The packet from its network header on; nil for what cannot be known from here, such as
    /// source port and checksums. Ends with the last field every packet of its protocol has.
    var networkBytes: [UInt8?] {
        let addressLength = destination.bytes.count
        let sourceBytes: [UInt8?] =
            source.map { $0.bytes } ?? Array(repeating: nil, count: addressLength)
        let destinationBytes: [UInt8?] = destination.bytes
        let unknown = UInt8?.none
        switch destination.family {
        case .ipv4:
            // Not a fragment, DF set; time to live, length, identification and checksum unknown.
            return [0x45, 0, unknown, unknown, unknown, unknown, 0x40, 0]
                + [unknown, transport?.number ?? 1, unknown, unknown]
                + sourceBytes + destinationBytes + transportBytes
        case .ipv6:
            return [0x60, unknown, unknown, unknown, unknown, unknown]
                + [transport?.number ?? 58, unknown]
                + sourceBytes + destinationBytes + transportBytes
        }
    }

    /// All three transports begin with the two ports; a ping begins with its type and code 0.
    private var transportBytes: [UInt8?] {
        guard let port, let transport else {
            let echoRequest: UInt8 = destination.family == .ipv4 ? 8 : 128
            return [echoRequest, 0] + Array(repeating: nil, count: 6)
        }
        let length =
            switch transport {
            case .tcp: 20
            case .udp: 8
            case .sctp: 12
            }
        let ports: [UInt8?] = [nil, nil, UInt8(port.value >> 8), UInt8(port.value & 255)]
        return ports + Array(repeating: nil, count: length - 4)
    }
}

/// What the rules have learnt about the client.
enum ClientMemory: Hashable {
    /// Not seen before; the lists it was put on by now, sorted.
    case new(remembered: [String])
    /// Found on this list.
    case known(list: String)
}

/// A part of the connections that is alike in all that rules can see.
struct Flow: Hashable {
    /// What makes two flows the same.
    struct Key: Hashable {
        var packet: PacketState
        var client: ClientMemory
    }

    var packet: PacketState
    var client = ClientMemory.new(remembered: [])
    /// Of the connections of new clients; 0 for a client that is known.
    var share: Double

    var key: Key { Key(packet: packet, client: client) }
    var isReturning: Bool {
        if case .known = client { return true }
        return false
    }
}

extension [Flow] {
    /// Equal flows become one, in the order in which they first appear.
    func merged() -> [Flow] {
        guard count > 1 else { return self }
        var index: [Flow.Key: Int] = [:]
        var result: [Flow] = []
        for flow in self {
            if let known = index[flow.key] {
                result[known].share += flow.share
            } else {
                index[flow.key] = result.count
                result.append(flow)
            }
        }
        return result
    }

    var totalShare: Double { reduce(0) { $0 + $1.share } }
}
