import Addressing
import CIPTables
import CNetlink
import DataplaneModel
import Glibc
import Netlink

// Expressions that decide about a packet, or change something.
extension NFTRuleReader {
    private mutating func add(_ statement: NFTStatement?) -> Bool {
        guard let statement else { return false }
        statements.append(statement)
        return true
    }

    // MARK: - Conditions

    mutating func readComparison(_ data: NetlinkBytes) -> Bool {
        guard let bytes = data.data(NFTA_CMP_DATA)?.array,
            let source = content(NFTA_CMP_SREG, data)
        else { return false }
        let inverted: Bool
        switch data.number(NFTA_CMP_OP).map({ nft_cmp_ops(rawValue: $0) }) {
        case NFT_CMP_EQ: inverted = false
        case NFT_CMP_NEQ: inverted = true
        default: return false
        }
        return add(condition(source, bytes, inverted: inverted))
    }

    private func condition(_ source: Content, _ bytes: [UInt8], inverted: Bool) -> NFTStatement? {
        switch source {
        case .expression(.transport):
            guard !inverted, bytes.count == 1,
                let transport = TransportProtocol(number: bytes[0])
            else { return nil }
            return .transports([transport])
        case .inInterface:
            return interface(bytes, inverted: inverted)
        case .addressType(let side):
            guard bytes == UInt32(RTN_LOCAL).hostBytes else { return nil }
            return .isLocal(side, inverted: inverted)
        case .masked(.mark, let mask, [0, 0, 0, 0]):
            let mark = PacketMark(value: bytes.hostNumber, mask: mask.hostNumber)
            return .mark(mark, inverted: inverted)
        case .masked(.connectionState, let mask, [0, 0, 0, 0]):
            guard inverted, bytes.hostNumber == 0 else { return nil }
            return ConnectionState(kernelBits: mask.hostNumber).map { .connectionState($0) }
        case .masked(.connectionStatus, let mask, [0, 0, 0, 0]):
            let isWhetherTranslated = mask.hostNumber == UInt32(IPS_DST_NAT.rawValue)
            return inverted && bytes.hostNumber == 0 && isWhetherTranslated ? .translated : nil
        default:
            return address(source, bytes, inverted: inverted)
        }
    }

    private func interface(_ bytes: [UInt8], inverted: Bool) -> NFTStatement? {
        let isPrefix = bytes.count < Int(IFNAMSIZ)
        let name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        return .inInterface(InterfaceMatch(name, isPrefix: isPrefix, inverted: inverted))
    }

    /// An address or its first bytes, with or without a mask.
    private func address(_ source: Content, _ bytes: [UInt8], inverted: Bool) -> NFTStatement? {
        var length = 8 * bytes.count
        var loaded = source
        if case .masked(let inner, let mask, let xor) = source {
            guard xor.allSatisfy({ $0 == 0 }), let leading = Self.leadingBits(mask) else {
                return nil
            }
            length = leading
            loaded = inner
        }
        let side: NFTSide
        switch loaded {
        case .expression(.address(let whole)) where bytes.count == family.addressLength:
            side = whole
        case .partOfAddress(let part, let count) where bytes.count == count: side = part
        default: return nil
        }
        let shift = UInt128(family.bitWidth - 8 * bytes.count)
        let bits = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } << shift
        let prefix = IPPrefix(IPAddress(family: family, bits: bits), length: length)
        guard prefix.address.bits == bits else { return nil }
        return .address(side, prefix, inverted: inverted)
    }

    /// How many leading bits are set; nil if other bits are set as well.
    private static func leadingBits(_ mask: [UInt8]) -> Int? {
        let ones = mask.prefix { $0 == 0xff }.count
        guard ones < mask.count else { return 8 * ones }
        let next = mask[ones]
        let count = (~next).leadingZeroBitCount
        guard next == UInt8(truncatingIfNeeded: 0xff00 >> count),
            mask[(ones + 1)...].allSatisfy({ $0 == 0 })
        else { return nil }
        return 8 * ones + count
    }

    /// A lookup is a condition, returns a verdict, or loads a register.
    mutating func readLookup(_ data: NetlinkBytes) -> Bool {
        guard let name = data.text(NFTA_LOOKUP_SET), let source = register(NFTA_LOOKUP_SREG, data)
        else { return false }
        let inverted = data.number(NFTA_LOOKUP_FLAGS) ?? 0 == NFT_LOOKUP_F_INV.rawValue
        if let transports = transports[name] {
            guard !inverted, case .expression(.transport)? = registers[source] else { return false }
            return add(.transports(transports))
        }
        guard let shape = shapes[name],
            let key = key(from: source, words: NFTFieldList(shape.key, family).words)
        else { return false }
        let set = NFTSetName(name)
        guard let destination = data.number(NFTA_LOOKUP_DREG) else {
            return add(.contained(key, in: set, inverted: inverted))
        }
        if destination == UInt32(NFT_REG_VERDICT.rawValue) { return add(.verdictMap(key, set)) }
        guard case .fields(let fields) = shape.mapping else { return false }
        let words = NFTFieldList(fields, family).words
        return put(.found(key, set), words: words, NFTA_LOOKUP_DREG, of: data)
    }

    // MARK: - Effects

    func metaSetting(_ key: nft_meta_keys, _ content: Content) -> NFTStatement? {
        switch (key, content) {
        case (NFT_META_PRIORITY, .constant(let bytes)): return .setPriority(bytes.hostNumber)
        case (NFT_META_PRIORITY, .found(let key, let map)):
            return .setPriorityFromMap(key, map)
        case (NFT_META_PRIORITY, .masked(.expression(.priority), let mask, [0, 0, 0, 0])):
            return .maskPriority(mask.hostNumber)
        case (NFT_META_MARK, .masked(.mark, let mask, let xor)):
            let cleared = ~mask.hostNumber
            switch xor.hostNumber {
            case cleared: return .setMarkBits(cleared)
            case 0: return .clearMarkBits(cleared)
            default: return nil
            }
        default: return nil
        }
    }

    mutating func readMetaSetting(_ key: nft_meta_keys, _ data: NetlinkBytes) -> Bool {
        guard let content = content(NFTA_META_SREG, data) else { return false }
        return add(metaSetting(key, content))
    }

    mutating func readUpdate(_ data: NetlinkBytes) -> Bool {
        guard data.number(NFTA_DYNSET_FLAGS) ?? 0 == 0,
            let name = data.text(NFTA_DYNSET_SET_NAME),
            let shape = shapes[name], let source = register(NFTA_DYNSET_SREG_KEY, data),
            let key = key(from: source, words: NFTFieldList(shape.key, family).words),
            let value = register(NFTA_DYNSET_SREG_DATA, data),
            let content = self.key(from: value, words: 1)?.first
        else { return false }
        let set = NFTSetName(name)
        let milliseconds = data.long(NFTA_DYNSET_TIMEOUT) ?? 0
        switch data.number(NFTA_DYNSET_OP) {
        case NFT_DYNSET_OP_DELETE.rawValue:
            return milliseconds == 0 && add(.delete(set, key: key, data: content))
        case NFT_DYNSET_OP_UPDATE.rawValue:
            guard milliseconds > 0, milliseconds % 1000 == 0 else { return false }
            let seconds = UInt32(clamping: milliseconds / 1000)
            return add(.update(set, key: key, data: content, timeoutSeconds: seconds))
        default: return false
        }
    }

    // MARK: - Verdicts

    mutating func readImmediate(_ data: NetlinkBytes) -> Bool {
        guard let content = data.attribute(NFTA_IMMEDIATE_DATA) else { return false }
        if data.number(NFTA_IMMEDIATE_DREG) == UInt32(NFT_REG_VERDICT.rawValue) {
            return add(NFTVerdict(content).map { .verdict($0) })
        }
        guard let bytes = content.attribute(NFTA_DATA_VALUE)?.array else { return false }
        let words = (bytes.count + 3) / 4
        return put(.constant(bytes), words: words, NFTA_IMMEDIATE_DREG, of: data)
    }

    mutating func readNAT(_ data: NetlinkBytes) -> Bool {
        guard data.number(NFTA_NAT_TYPE) == NFT_NAT_DNAT.rawValue,
            data.number(NFTA_NAT_FAMILY) == UInt32(family.protocolFamily),
            let address = register(NFTA_NAT_REG_ADDR_MIN, data),
            register(NFTA_NAT_REG_ADDR_MAX, data) ?? address == address,
            case .found(let key, let map)? = registers[address]
        else { return false }
        let port = address.advanced(by: NFTField.address.words(family))
        let flags = UInt32(NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED)
        guard shapes[map.text]?.mapping == .fields([.address, .port]),
            register(NFTA_NAT_REG_PROTO_MIN, data) == port,
            register(NFTA_NAT_REG_PROTO_MAX, data) ?? port == port,
            data.number(NFTA_NAT_FLAGS) ?? flags == flags
        else { return false }
        return add(.destinationNAT(key, map))
    }

    mutating func readMasquerade(_ data: NetlinkBytes) -> Bool {
        guard data.number(NFTA_MASQ_FLAGS) == UInt32(NF_NAT_RANGE_PROTO_RANDOM_FULLY),
            data.attribute(NFTA_MASQ_REG_PROTO_MIN) == nil
        else { return false }
        return add(.masquerade)
    }

    mutating func readReject(_ data: NetlinkBytes) -> Bool {
        guard data.number(NFTA_REJECT_TYPE) == NFT_REJECT_ICMP_UNREACH.rawValue,
            data.attribute(NFTA_REJECT_ICMP_CODE)?.number(UInt8.self) == family.portUnreachable
        else { return false }
        return add(.reject)
    }
}
