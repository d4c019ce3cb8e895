import Addressing
import CNetlink
import DataplaneModel
import Glibc
import Netlink

/// What the kernel says of a set before its entries.
struct IPSetHeader {
    var name: String
    var typeName: String
    /// `NFPROTO_*`; unspecified for sets without addresses.
    var family: UInt8
    /// Missing in protocol 6.
    var index: UInt16?
    var elements = 0
    /// `maxelem`; nil for a set that is as large as its range.
    private var limit: Int?
    /// `IPSET_FLAG_WITH_*`.
    private var flags: UInt32 = 0
    private var firstPort: UInt16 = 0
    private var lastPort: UInt16 = 0
    /// Options that no set of ours has.
    private var unexpectedProperties: [String] = []

    /// Nil for a message without a header: it goes on with the entries of the one before.
    init?(_ message: NetlinkMessage) {
        // struct nfgenmsg
        let attributes = message.payload.dropFirst(4)
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
        readFlags()
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
            case IPSET_ATTR_TIMEOUT: unexpectedProperties.append("timeout")
            case IPSET_ATTR_NETMASK: unexpectedProperties.append("netmask")
            default: unexpectedProperties.append("option \(type)")
            }
        }
    }

    private mutating func readFlags() {
        let ours = UInt32(IPSET_FLAG_WITH_SKBINFO.rawValue)
        let names = [
            (IPSET_FLAG_WITH_COUNTERS, "counters"), (IPSET_FLAG_WITH_COMMENT, "comment"),
            (IPSET_FLAG_WITH_FORCEADD, "forceadd"),
        ]
        var rest = flags & ~ours
        for (flag, name) in names where rest & UInt32(flag.rawValue) != 0 {
            unexpectedProperties.append(name)
            rest &= ~UInt32(flag.rawValue)
        }
        if rest != 0 { unexpectedProperties.append("flags 0x\(String(rest, radix: 16))") }
    }

    var kind: IPSetKind? { IPSetKind(rawValue: typeName) }

    var carriesMarks: Bool { flags & UInt32(IPSET_FLAG_WITH_SKBINFO.rawValue) != 0 }

    var capacity: Int {
        switch kind {
        case .port: Int(lastPort) - Int(firstPort) + 1
        case .address, .frontend, .frontendSource: limit ?? 0
        case nil: 0
        }
    }

    /// The set without its entries; `family` is for a set without addresses.
    func set(_ family: IPFamily) -> IPSet {
        var all = unexpectedProperties
        if kind == nil { all.insert("type \(typeName)", at: 0) }
        if kind == .port, firstPort != 0 || lastPort != UInt16.max {
            all.append("range \(firstPort)-\(lastPort)")
        }
        let own: IPFamily
        switch Int32(self.family) {
        case AF_INET: own = .ipv4
        case AF_INET6: own = .ipv6
        default: own = family
        }
        return IPSet(
            IPSetName(name),
            kind: kind ?? .address,
            family: own,
            carriesMarks: carriesMarks,
            capacity: capacity,
            unexpectedProperty: all.isEmpty ? nil : all.joined(separator: ", ")
        )
    }
}
