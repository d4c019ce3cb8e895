package import Addressing

/// The destination of a traced packet.
package enum PacketDestination: Sendable, Hashable {
    /// A port of a transport protocol.
    case port(SocketAddress, TransportProtocol)
    /// An address, with ICMP echo.
    case ping(IPAddress)

    /// The address alone.
    package var address: IPAddress {
        switch self {
        case .port(let socket, _): socket.address
        case .ping(let address): address
        }
    }
}

extension PacketDestination: CustomStringConvertible, LosslessStringConvertible {
    /// Parses `10.0.0.1:80/tcp`, `[fd00::1]:53/udp` or `10.0.0.1/icmp` (`fd00::1/icmp`, brackets
    /// allowed); nil for anything else.
    package init?(_ text: String) {
        guard let slash = text.lastIndex(of: "/") else { return nil }
        let target = String(text[..<slash])
        let keyword = text[text.index(after: slash)...].lowercased()
        if keyword == "icmp" || keyword == "icmpv6" {
            let bare = target.hasPrefix("[") && target.hasSuffix("]")
            guard let address = IPAddress(bare ? String(target.dropFirst().dropLast()) : target)
            else { return nil }
            self = .ping(address)
            return
        }
        guard let transport = TransportProtocol(keyword: keyword),
            let socket = SocketAddress(parsing: target)
        else { return nil }
        self = .port(socket, transport)
    }

    package var description: String {
        switch self {
        case .port(let socket, let transport): "\(socket)/\(transport.keyword)"
        case .ping(let address): "\(address)/icmp"
        }
    }
}

/// The first packet of a new connection, to be traced.
package struct TracedPacket: Sendable, Hashable, CustomStringConvertible {
    package var source: IPAddress
    /// The input interface; nil if not given, and for packets of the node itself.
    package var inputInterface: String?
    package var destination: PacketDestination

    package init(
        from source: IPAddress,
        via inputInterface: String? = nil,
        to destination: PacketDestination
    ) {
        self.source = source
        self.inputInterface = inputInterface
        self.destination = destination
    }

    /// The family of the destination, whose rules apply.
    package var family: IPFamily { destination.address.family }

    /// `10.244.1.7 via cni0 → 10.96.0.10:80/tcp`.
    package var description: String {
        let via = inputInterface.map { " via \($0)" } ?? ""
        return "\(source)\(via) → \(destination)"
    }
}
