import Addressing
import DataplaneModel

/// The result of looking up a packet in a set.
enum SetAnswer: Equatable {
    /// The packet matches this entry, which may be a range, with this mark.
    case member(IPSetEntry, mark: UInt32)
    case absent
    /// Undecidable, with the reason.
    case unknown(String)
}

/// A lookup of parts of a packet in a set.
struct SetQuestion {
    let set: IPSet
    /// The sides of the packet that supply address, port and range, in this order.
    let sides: [SetDimension]
    let packet: PacketState

    var answer: SetAnswer {
        // The kernel then reports every packet as absent (`ip_set_test`).
        guard sides.count >= set.kind.dimensions,
            set.kind == .port || set.family == packet.destination.family
        else { return .absent }
        if set.kind.hasPort {
            if !packet.hasPort(in: set.kind) { return .absent }
            if portSide == .source { return .unknown("the client's port is unknown") }
        }
        switch set.kind {
        case .port: return look(up: packet.port.map { .port($0) })
        case .address: return look(up: address.map { .address($0) })
        case .frontend: return look(up: frontend.map { .frontend($0, $1) })
        case .frontendSource: return lookUpRange()
        }
    }

    /// The looked-up value in readable form: `10.96.0.10:80/tcp from 198.51.100.9`.
    var text: String {
        let address = address?.description ?? "the masqueraded source"
        let transport = packet.transport?.keyword ?? "icmp"
        let port = portSide == .source ? "the client's port" : packet.port?.description
        let frontend = frontend.map { "\($0)/\($1.keyword)" } ?? "\(address)/\(transport)"
        switch set.kind {
        case .address: return address
        case .frontend: return frontend
        case .frontendSource:
            return frontend + " from " + (other?.description ?? "the masqueraded source")
        case .port: return port.map { "port \($0)" } ?? "\(transport) without a port"
        }
    }
}

extension SetQuestion {
    private var portSide: SetDimension? {
        switch set.kind {
        case .address: nil
        case .port: sides.first
        case .frontend, .frontendSource: sides.dropFirst().first
        }
    }

    /// The first address; nil for an unknown source.
    private var address: IPAddress? { address(at: 0) }

    /// The address to look up in ranges.
    private var other: IPAddress? { address(at: 2) }

    private func address(at index: Int) -> IPAddress? {
        guard sides.indices.contains(index) else { return nil }
        return sides[index] == .source ? packet.source : packet.destination
    }

    private var frontend: (SocketAddress, TransportProtocol)? {
        guard let address, let port = packet.port, let transport = packet.transport,
            portSide == .destination
        else { return nil }
        return (SocketAddress(address, port), transport)
    }

    /// Nil stands for an entry with an unknown source, after masquerading.
    private func look(up entry: IPSetEntry?) -> SetAnswer {
        guard let entry else { return Self.unknownSource }
        return set.entries[entry].map { .member(entry, mark: $0) } ?? .absent
    }

    /// The smallest range wins.
    private func lookUpRange() -> SetAnswer {
        guard let (socket, transport) = frontend else { return Self.unknownSource }
        guard let other else {
            return hasRanges(for: socket, transport) ? Self.unknownSource : .absent
        }
        for length in stride(from: other.family.bitWidth, to: 0, by: -1) {
            let range = IPPrefix(other, length: length)
            let entry = IPSetEntry.frontendSource(socket, transport, range)
            if let mark = set.entries[entry] { return .member(entry, mark: mark) }
        }
        return .absent
    }

    private func hasRanges(for socket: SocketAddress, _ transport: TransportProtocol) -> Bool {
        set.entries.keys.contains {
            guard case .frontendSource(socket, transport, _) = $0 else { return false }
            return true
        }
    }

    private static let unknownSource =
        SetAnswer.unknown("the source after masquerading is unknown")
}

extension IPSetKind {
    /// How many parts of a packet make up an entry.
    fileprivate var dimensions: Int {
        switch self {
        case .address, .port: 1
        case .frontend: 2
        case .frontendSource: 3
        }
    }

    fileprivate var hasPort: Bool { self != .address }
}

extension PacketState {
    /// Whether the packet has a port for a set of this kind.
    fileprivate func hasPort(in kind: IPSetKind) -> Bool {
        // bitmap:port only supports TCP and UDP (`ip_set_get_ip_port`).
        port != nil && (kind != .port || transport != .sctp)
    }
}
