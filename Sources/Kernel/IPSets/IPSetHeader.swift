import Addressing
import CNetlink
import DataplaneModel
import Glibc
import Netlink

/// A set without its entries, as the kernel reports it first.
struct IPSetHeader {
    var name: String
    var typeName: String
    /// `NFPROTO_*`; unspecified for sets without addresses.
    var family: UInt8
    /// Nil in protocol 6.
    var index: UInt16?
    var elements = 0
    /// `maxelem`; nil for a set that is as large as its range.
    private var limit: Int?
    /// `IPSET_FLAG_WITH_*`.
    private var flags: UInt32 = 0
    private var firstPort: UInt16 = 0
    private var lastPort: UInt16 = 0
    /// There is an option that Fairlead never sets.
    private var hasUnexpectedOption = false

    /// Nil for a message that only continues the entries of the one before.
    init?(_ message: NetlinkMessage) {
        let attributes = message.attributes
        guard let name = attributes.attribute(IPSET_ATTR_SETNAME)?.text,
            let typeName = attributes.attribute(IPSET_ATTR_TYPENAME)?.text
        else { return nil }
        self.name = name
        self.typeName = typeName
        family = attributes.attribute(IPSET_ATTR_FAMILY)?.number(UInt8.self) ?? 0
        if let index = attributes.attribute(IPSET_ATTR_INDEX) {
            self.index = UInt16(truncatingIfNeeded: index.network(2))
        }
        if let options = attributes.attribute(IPSET_ATTR_DATA) { read(options) }
    }

    private mutating func read(_ options: NetlinkBytes) {
        options.forEachAttribute { type, value in
            func number() -> Int { Int(truncatingIfNeeded: value.network(value.count)) }
            switch type {
            case IPSET_ATTR_MAXELEM: limit = number()
            case IPSET_ATTR_ELEMENTS: elements = number()
            case IPSET_ATTR_CADT_FLAGS: flags = UInt32(truncatingIfNeeded: number())
            case IPSET_ATTR_PORT_FROM: firstPort = UInt16(truncatingIfNeeded: number())
            case IPSET_ATTR_PORT_TO: lastPort = UInt16(truncatingIfNeeded: number())
            case IPSET_ATTR_HASHSIZE, IPSET_ATTR_BUCKETSIZE, IPSET_ATTR_INITVAL,
                IPSET_ATTR_REFERENCES, IPSET_ATTR_MEMSIZE:
                break
            default: hasUnexpectedOption = true
            }
        }
    }

    var kind: IPSetKind? { IPSetKind(rawValue: typeName) }

    private static let marksFlag = UInt32(IPSET_FLAG_WITH_SKBINFO.rawValue)

    var carriesMarks: Bool { flags & Self.marksFlag != 0 }

    var capacity: Int {
        switch kind {
        case .port: Int(lastPort) - Int(firstPort) + 1
        case .address, .frontend, .frontendSource: limit ?? 0
        case nil: 0
        }
    }

    /// The set without its entries; `family` is for a set without addresses.
    func set(_ family: IPFamily) -> IPSet {
        let isPartOfPorts = kind == .port && (firstPort != 0 || lastPort != UInt16.max)
        return IPSet(
            IPSetName(name),
            kind: kind ?? .address,
            family: IPFamily(protocolFamily: self.family) ?? family,
            carriesMarks: carriesMarks,
            capacity: capacity,
            hasUnexpectedProperty: kind == nil || hasUnexpectedOption || isPartOfPorts
                || flags & ~Self.marksFlag != 0
        )
    }
}
