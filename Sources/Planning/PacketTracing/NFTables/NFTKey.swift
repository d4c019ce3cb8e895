import Addressing
import DataplaneModel

/// The key a rule reads from a packet, as far as it is known.
struct NFTKey {
    /// One field.
    enum Part {
        case known(UInt128)
        /// Undecidable, with the reason.
        case unknown(String)
        /// Any of this many numbers, from 0 on, with equal probability.
        case choice(UInt32)
    }

    let family: IPFamily
    let fields: [NFTField]
    let parts: [Part]

    init(_ expressions: [NFTExpression], of packet: PacketState) {
        family = packet.destination.family
        fields = expressions.map(\.field)
        parts = expressions.map { $0.part(of: packet) }
    }

    /// Why the key is undecidable; nil if it is not.
    var doubt: String? {
        for case .unknown(let why) in parts { return why }
        return nil
    }

    /// The number of possible keys.
    var count: Int {
        parts.reduce(1) { count, part in
            guard case .choice(let modulus) = part else { return count }
            let (product, overflow) = count.multipliedReportingOverflow(by: Int(modulus))
            return overflow ? .max : product
        }
    }

    /// All possible keys, equally likely, without the last `dropped` fields. Empty if undecidable.
    func values(droppingLast dropped: Int = 0) -> [NFTValue] {
        var values = [NFTValue()]
        for (part, field) in zip(parts, fields).dropLast(dropped) {
            let width = field.width(family)
            switch part {
            case .known(let bits): values = values.map { $0.appending(bits, width: width) }
            case .unknown: return []
            case .choice(let modulus):
                values = values.flatMap { value in
                    (0..<modulus).map { value.appending($0) }
                }
            }
        }
        return values
    }
}

extension NFTExpression {
    /// The type of the value.
    var field: NFTField {
        switch self {
        case .address, .originalDestination: .address
        case .transport: .transport
        case .port, .originalPort: .port
        case .priority, .maskedPriority: .classID
        case .random, .roundRobin, .hash: .number
        }
    }

    fileprivate func part(of packet: PacketState) -> NFTKey.Part {
        switch self {
        case .address(.source):
            return packet.source.map { .known($0.bits) }
                ?? .unknown("the source after masquerading is unknown")
        case .address(.destination): return .known(packet.destination.bits)
        case .transport: return .known(UInt128(packet.transportNumber))
        case .port(.source): return .unknown("the client's port is unknown")
        case .port(.destination):
            // nft reads part of the checksum there.
            return packet.port.map { .known(UInt128($0.value)) } ?? .unknown("ICMP has no ports")
        case .originalDestination: return .known(packet.originalDestination.bits)
        case .originalPort:
            return packet.originalPort.map { .known(UInt128($0.value)) }
                ?? .unknown("ICMP has no ports")
        case .priority: return .known(UInt128(packet.priority))
        case .maskedPriority(let mask): return .known(UInt128(packet.priority & mask))
        case .random(let modulus), .roundRobin(let modulus), .hash(_, let modulus, _):
            return .choice(modulus)
        }
    }
}

extension PacketState {
    /// As in the network header.
    var transportNumber: UInt8 {
        transport?.number ?? (destination.family == .ipv4 ? 1 : 58)
    }
}
