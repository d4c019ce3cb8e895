import Addressing
import CNetlink
import DataplaneModel
import Netlink

/// A set on its way out of the kernel, message by message.
struct IPSetReader {
    private(set) var set: IPSet
    private let isKnown: Bool

    init(_ header: IPSetHeader, family: IPFamily) {
        set = header.set(family)
        isKnown = header.kind != nil
    }

    /// Takes the entries of one message.
    mutating func read(_ message: NetlinkMessage) {
        // What the entries of an unknown type say is unknown too.
        guard isKnown, let list = message.payload.dropFirst(4).attribute(IPSET_ATTR_ADT) else {
            return
        }
        list.forEachAttribute { _, value in
            let parts = IPSetEntryParts(value)
            if let entry = parts.entry(of: set.kind),
                let mark = parts.wholeMark(set.carriesMarks)
            {
                set.entries[entry] = mark
            } else if set.unexpectedProperty == nil {
                set.unexpectedProperty = "an entry of another shape"
            }
        }
    }
}

/// The attributes of one entry.
private struct IPSetEntryParts {
    var address: IPAddress?
    var port: PortNumber?
    var transport: TransportProtocol?
    var rangeAddress: IPAddress?
    var rangeLength: Int?
    /// The mark, then its mask.
    var mark: UInt64?
    /// There is something that no entry of ours has.
    var isOdd = false

    init(_ data: NetlinkBytes) {
        data.forEachAttribute { type, value in
            switch type {
            case IPSET_ATTR_IP: address = Self.address(value)
            case IPSET_ATTR_IP2: rangeAddress = Self.address(value)
            case IPSET_ATTR_CIDR2: rangeLength = Int(value.number(UInt8.self))
            case IPSET_ATTR_PORT: port = PortNumber(Int(value.network(2)))
            case IPSET_ATTR_PROTO:
                let number = value.number(UInt8.self)
                transport = TransportProtocol.allCases.first { $0.number == number }
            case IPSET_ATTR_SKBMARK: mark = UInt64(truncatingIfNeeded: value.network(8))
            case IPSET_ATTR_PAD: break
            default: isOdd = true
            }
        }
    }

    private static func address(_ value: NetlinkBytes) -> IPAddress? {
        if let bytes = value.attribute(IPSET_ATTR_IPADDR_IPV4) {
            return IPAddress(family: .ipv4, bits: bytes.network(4))
        }
        return value.attribute(IPSET_ATTR_IPADDR_IPV6).map {
            IPAddress(family: .ipv6, bits: $0.network(16))
        }
    }

    /// 0 in a set without marks; nil for a mark that leaves some bits of a packet's mark alone.
    func wholeMark(_ carriesMarks: Bool) -> UInt32? {
        // The kernel does not mention the mark that leaves all bits alone.
        guard let mark else { return carriesMarks ? nil : 0 }
        guard UInt32(truncatingIfNeeded: mark) == UInt32.max else { return nil }
        return UInt32(truncatingIfNeeded: mark >> 32)
    }

    func entry(of kind: IPSetKind) -> IPSetEntry? {
        guard !isOdd else { return nil }
        switch kind {
        case .address: return address.map { .address($0) }
        case .port: return port.map { .port($0) }
        case .frontend:
            guard let address, let port, let transport else { return nil }
            return .frontend(SocketAddress(address, port), transport)
        case .frontendSource:
            guard let address, let port, let transport, let rangeAddress else { return nil }
            let length = rangeLength ?? rangeAddress.family.bitWidth
            return .frontendSource(
                SocketAddress(address, port),
                transport,
                IPPrefix(rangeAddress, length: length)
            )
        }
    }
}
