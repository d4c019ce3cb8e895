import Addressing

extension PacketState {
    /// The packet from its network header on; nil for unknown bytes, such as source port and
    /// checksums. Ends with the last field that every packet of its protocol has.
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
