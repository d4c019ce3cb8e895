import Addressing
import CIPSet
import DataplaneModel
import Netlink

/// Reads a set from the kernel's messages, one after the other.
struct IPSetReader {
    private(set) var set: IPSet
    private let isKnown: Bool

    init(_ header: IPSetHeader, family: IPFamily) {
        set = header.set(family)
        isKnown = header.isKnown
    }

    /// Adds the entries of one message.
    mutating func read(_ message: NetlinkMessage) {
        if let header = message.attributes.attribute(IPSET_ATTR_DATA) { check(header) }
        // The entries of an unknown type have an unknown form.
        guard isKnown, let list = message.attributes.attribute(IPSET_ATTR_ADT) else {
            return
        }
        list.forEachAttribute { _, value in
            let parts = IPSetEntryParts(value)
            if let entry = parts.entry(of: set.kind),
                let mark = parts.wholeMark(set.carriesMarks)
            {
                set.entries[entry] = mark
            } else {
                set.hasUnexpectedProperty = true
            }
        }
    }
}

extension IPSetReader {
    /// libipset prints all options of a set but `forceadd`, which is among its flags.
    private mutating func check(_ header: NetlinkBytes) {
        let flags = header.attribute(IPSET_ATTR_CADT_FLAGS).map { UInt32($0.network(4)) } ?? 0
        if flags & UInt32(IPSET_FLAG_WITH_FORCEADD.rawValue) != 0 {
            set.hasUnexpectedProperty = true
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
    /// There is an attribute that Fairlead never sets.
    var hasUnexpected = false

    init(_ data: NetlinkBytes) {
        data.forEachAttribute { type, value in
            switch type {
            case IPSET_ATTR_IP: address = Self.address(value)
            case IPSET_ATTR_IP2: rangeAddress = Self.address(value)
            case IPSET_ATTR_CIDR2: rangeLength = Int(value.number(UInt8.self))
            case IPSET_ATTR_PORT: port = PortNumber(Int(value.network(2)))
            case IPSET_ATTR_PROTO: transport = TransportProtocol(number: value.number(UInt8.self))
            case IPSET_ATTR_SKBMARK: mark = UInt64(truncatingIfNeeded: value.network(8))
            case IPSET_ATTR_PAD: break
            default: hasUnexpected = true
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

    /// 0 in a set without marks; nil for a mark that keeps some bits of a packet's mark.
    func wholeMark(_ carriesMarks: Bool) -> UInt32? {
        // The kernel leaves out a mark that keeps all bits.
        guard let mark else { return carriesMarks ? nil : 0 }
        guard UInt32(truncatingIfNeeded: mark) == UInt32.max else { return nil }
        return UInt32(truncatingIfNeeded: mark >> 32)
    }

    func entry(of kind: IPSetKind) -> IPSetEntry? {
        guard !hasUnexpected else { return nil }
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
