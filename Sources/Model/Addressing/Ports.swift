/// A port number, 1...65535.
package struct PortNumber: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let value: UInt16

    /// Nil outside 1...65535.
    package init?(_ number: Int) {
        guard (1...65535).contains(number) else { return nil }
        value = UInt16(number)
    }

    package var description: String { String(value) }

    package static func < (left: PortNumber, right: PortNumber) -> Bool {
        left.value < right.value
    }
}

/// The transport protocols a Service port can have (Kubernetes `ServicePort.protocol`).
package enum TransportProtocol: String, Sendable, Hashable, CaseIterable, Comparable {
    case tcp = "TCP"
    case udp = "UDP"
    case sctp = "SCTP"

    /// The IANA protocol number.
    package var number: UInt8 {
        switch self {
        case .tcp: 6
        case .udp: 17
        case .sctp: 132
        }
    }

    /// Nil for other protocols.
    package init?(number: UInt8) {
        guard let found = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = found
    }

    /// The name in rules and on the command line: `tcp`, `udp`, `sctp`.
    package var keyword: String {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        case .sctp: "sctp"
        }
    }

    /// Ignores letter case; nil for other keywords.
    package init?(keyword: String) {
        guard let found = Self.allCases.first(where: { $0.keyword == keyword.lowercased() }) else {
            return nil
        }
        self = found
    }

    package static func < (left: TransportProtocol, right: TransportProtocol) -> Bool {
        left.number < right.number
    }
}

/// An address and a port: where an endpoint listens, or what a client connects to.
package struct SocketAddress: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var address: IPAddress
    package var port: PortNumber

    package init(_ address: IPAddress, _ port: PortNumber) {
        self.address = address
        self.port = port
    }

    /// `10.0.0.1:80` or `[fd00::1]:80`.
    package var description: String {
        address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    package static func < (left: SocketAddress, right: SocketAddress) -> Bool {
        left.address == right.address ? left.port < right.port : left.address < right.address
    }
}
