import Addressing
import DataplaneModel

/// Readable keys and values.
enum NFTKeyText {
    /// `10.96.0.10:80/tcp from 198.51.100.9`, `port 80/tcp`, `10.96.0.10`, `priority 1:0`.
    static func text(_ key: [NFTExpression], _ packet: PacketState) -> String {
        let port = [NFTExpression.transport, .port(.destination)]
        var rest = key[...]
        var text = ""
        if case .address(let side)? = key.first, key.dropFirst().starts(with: port) {
            text = frontend(address(side, packet), packet)
            rest = rest.dropFirst(3)
        } else if key.starts(with: port) {
            text = packet.port.map { "port \($0)/" } ?? ""
            text += packet.transportText
            rest = rest.dropFirst(2)
        }
        if rest == [.address(.source)], !text.isEmpty {
            return "\(text) from \(part(.address(.source), packet))"
        }
        if rest == [.address(.source), .address(.destination)] {
            return "\(part(rest[0], packet)) to \(part(rest[1], packet))"
        }
        let words = (text.isEmpty ? [] : [text]) + rest.map { part($0, packet) }
        return words.joined(separator: " . ")
    }

    /// `1:2`, as nft prints it.
    static func text(priority: UInt32) -> String {
        switch priority {
        case 0: "none"
        case .max: "root"
        default: String(priority >> 16, radix: 16) + ":" + String(priority & 0xffff, radix: 16)
        }
    }

    /// `a, b or c`, or `one of 12: a, b, c, …`; without duplicates.
    static func alternatives(_ texts: [String]) -> String {
        var known: Set<String> = []
        let distinct = texts.filter { known.insert($0).inserted }
        guard distinct.count <= 3 else {
            return "one of \(distinct.count): \(distinct[..<3].joined(separator: ", ")), …"
        }
        guard distinct.count > 1, let last = distinct.last else { return distinct.first ?? "" }
        return distinct.dropLast().joined(separator: ", ") + " or " + last
    }

    private static func address(_ side: NFTSide, _ packet: PacketState) -> IPAddress? {
        side == .source ? packet.source : packet.destination
    }

    private static func frontend(_ address: IPAddress?, _ packet: PacketState) -> String {
        guard let address else { return "the masqueraded source" }
        let text = packet.port.map { SocketAddress(address, $0).description } ?? address.description
        return "\(text)/\(packet.transportText)"
    }

    private static func part(_ expression: NFTExpression, _ packet: PacketState) -> String {
        switch expression {
        case .address(let side): address(side, packet)?.description ?? "the masqueraded source"
        case .transport: packet.transportText
        case .port(.source): "the client's port"
        case .port(.destination): packet.port?.description ?? "no port"
        case .originalDestination: "originally \(packet.originalDestination)"
        case .originalPort: "originally port \(packet.originalPort?.description ?? "none")"
        case .priority: "priority " + text(priority: packet.priority)
        case .maskedPriority(let mask): "priority " + text(priority: packet.priority & mask)
        case .random, .roundRobin, .hash: "any slot"
        }
    }
}

extension PacketState {
    fileprivate var transportText: String { transport?.keyword ?? "icmp" }
}
