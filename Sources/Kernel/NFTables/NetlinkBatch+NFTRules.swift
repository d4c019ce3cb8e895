import Addressing
import CIPTables
import CNetlink
import DataplaneModel
import Glibc
import Netlink

// A rule's statements as the kernel's expressions.
extension NetlinkBatch {
    /// `sets` are the numbers of the anonymous sets of this and the later statements.
    mutating func append(
        _ statement: NFTStatement,
        _ family: IPFamily,
        _ sets: inout ArraySlice<UInt32>
    ) {
        switch statement {
        case .address(let side, let prefix, let inverted):
            append(side, prefix, inverted: inverted)
        case .isLocal(let side, let inverted):
            addressType(side, to: .first)
            compare(.first, inverted: inverted, UInt32(RTN_LOCAL).hostBytes)
        case .inInterface(let match):
            meta(NFT_META_IIFNAME, to: .first)
            var name = Array(match.name.utf8)
            // A name of full length matches only itself, a shorter one all names that begin with it.
            if !match.isPrefix {
                name += [UInt8](repeating: 0, count: max(0, Int(IFNAMSIZ) - name.count))
            }
            compare(.first, inverted: match.inverted, name)
        case .transports(let transports):
            meta(NFT_META_L4PROTO, to: .first)
            if transports.count > 1 {
                lookup(
                    Self.anonymousSet,
                    id: sets.popFirst(),
                    from: .first,
                    .membership(inverted: false)
                )
            } else {
                compare(.first, transports.map(\.number))
            }
        case .connectionState(let state):
            ct(NFT_CT_STATE, to: .first)
            test(state.kernelBits)
        case .translated:
            ct(NFT_CT_STATUS, to: .first)
            test(UInt32(IPS_DST_NAT.rawValue))
        case .mark(let mark, let inverted):
            meta(NFT_META_MARK, to: .first)
            bitwise(.first, mask: mark.mask.hostBytes, xor: [0, 0, 0, 0])
            compare(.first, inverted: inverted, mark.value.hostBytes)
        case .contained(let key, let set, let inverted):
            load(key, family)
            lookup(set.text, from: .first, .membership(inverted: inverted))
        default: appendAction(statement, family)
        }
    }

    private mutating func append(_ side: NFTSide, _ prefix: IPPrefix, inverted: Bool) {
        load(.address(side), prefix.family, to: .first)
        if !prefix.isSingleAddress {
            let mask = IPPrefix(IPAddress(family: prefix.family, bits: .max), length: prefix.length)
            let zeros = [UInt8](repeating: 0, count: prefix.family.addressLength)
            bitwise(.first, mask: mask.address.bytes, xor: zeros)
        }
        compare(.first, inverted: inverted, prefix.address.bytes)
    }

    /// Ends the rule unless one of the bits is set.
    private mutating func test(_ bits: UInt32) {
        bitwise(.first, mask: bits.hostBytes, xor: [0, 0, 0, 0])
        compare(.first, inverted: true, [0, 0, 0, 0])
    }

    private mutating func appendAction(_ statement: NFTStatement, _ family: IPFamily) {
        switch statement {
        case .setPriority(let value):
            immediate(value.hostBytes, to: .first)
            setMeta(NFT_META_PRIORITY, from: .first)
        case .maskPriority(let mask):
            load(.maskedPriority(mask), family, to: .first)
            setMeta(NFT_META_PRIORITY, from: .first)
        case .setPriorityFromMap(let key, let map):
            load(key, family)
            lookup(map.text, from: .first, .data(.first))
            setMeta(NFT_META_PRIORITY, from: .first)
        case .setMarkBits(let bits): changeMark(mask: ~bits, xor: bits)
        case .clearMarkBits(let bits): changeMark(mask: ~bits, xor: 0)
        case .update(let map, let key, let data, let seconds):
            let place = load(key, data, family)
            update(map, key: .first, data: place, seconds: seconds)
        case .delete(let map, let key, let data):
            let place = load(key, data, family)
            update(map, key: .first, data: place, seconds: nil)
        case .destinationNAT(let key, let map):
            load(key, family)
            lookup(map.text, from: .first, .data(.first))
            let port = NFTRegister.first.advanced(by: NFTField.address.words(family))
            destinationNAT(family, address: .first, port: port)
        case .masquerade: masquerade()
        case .reject: reject(family)
        case .verdict(let verdict): immediate(verdict)
        case .verdictMap(let key, let map):
            load(key, family)
            lookup(map.text, from: .first, .verdict)
        case .opaque: preconditionFailure("an opaque rule is never written")
        case .address, .isLocal, .inInterface, .transports, .connectionState, .translated, .mark,
            .contained:
            break
        }
    }

    private mutating func changeMark(mask: UInt32, xor: UInt32) {
        meta(NFT_META_MARK, to: .first)
        bitwise(.first, mask: mask.hostBytes, xor: xor.hostBytes)
        setMeta(NFT_META_MARK, from: .first)
    }

    // MARK: - Keys

    /// Loads a key into the first registers; returns how many words it uses.
    @discardableResult
    private mutating func load(_ key: [NFTExpression], _ family: IPFamily) -> Int {
        var place = NFTRegister.first
        for expression in key {
            load(expression, family, to: place)
            place = place.advanced(by: expression.words(family))
        }
        return place.word
    }

    /// Loads a key, and a value into the next register of four words; returns that register.
    private mutating func load(
        _ key: [NFTExpression],
        _ data: NFTExpression,
        _ family: IPFamily
    ) -> NFTRegister {
        let words = load(key, family)
        let place = NFTRegister(word: (words + 3) / 4 * 4)
        load(data, family, to: place)
        return place
    }

    private mutating func load(
        _ expression: NFTExpression,
        _ family: IPFamily,
        to place: NFTRegister
    ) {
        switch expression {
        case .address(let side):
            payload(
                NFT_PAYLOAD_NETWORK_HEADER,
                offset: side.addressOffset(family),
                length: family.addressLength,
                to: place
            )
        case .transport: meta(NFT_META_L4PROTO, to: place)
        case .port(let side):
            payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset: side.portOffset, length: 2, to: place)
        case .originalDestination: originalConnection(family.destinationKey, to: place)
        case .originalPort: originalConnection(NFT_CT_PROTO_DST, to: place)
        case .priority: meta(NFT_META_PRIORITY, to: place)
        case .maskedPriority(let mask):
            meta(NFT_META_PRIORITY, to: place)
            bitwise(place, mask: mask.hostBytes, xor: [0, 0, 0, 0])
        case .random(let modulus): numberGenerator(NFT_NG_RANDOM, modulus: modulus, to: place)
        case .roundRobin(let modulus):
            numberGenerator(NFT_NG_INCREMENTAL, modulus: modulus, to: place)
        case .hash(let content, let modulus, let seed):
            var source = Self.hashSource
            for part in content {
                load(part, family, to: source)
                source = source.advanced(by: part.words(family))
            }
            let length = 4 * (source.word - Self.hashSource.word)
            hash(Self.hashSource, length: length, modulus: modulus, seed: seed, to: place)
        }
    }

    /// Behind the key that the hash belongs to.
    private static let hashSource = NFTRegister(word: 8)
}

extension NFTExpression {
    /// How many 32-bit registers it uses.
    func words(_ family: IPFamily) -> Int {
        switch self {
        case .address, .originalDestination: NFTField.address.words(family)
        default: 1
        }
    }
}

extension IPFamily {
    /// The key of a connection's destination address.
    var destinationKey: nft_ct_keys { self == .ipv4 ? NFT_CT_DST_IP : NFT_CT_DST_IP6 }
}

extension ConnectionState {
    /// The kernel's bits (`NF_CT_STATE_BIT`), which are those of xt_conntrack but for the last.
    var kernelBits: UInt32 {
        let common = UInt32(rawValue & 0xf)
        return contains(.untracked) ? common | Self.untrackedBit : common
    }

    init?(kernelBits: UInt32) {
        guard kernelBits != 0, kernelBits & ~(0xf | Self.untrackedBit) == 0 else { return nil }
        self.init(rawValue: UInt16(kernelBits & 0xf))
        if kernelBits & Self.untrackedBit != 0 { insert(.untracked) }
    }

    private static let untrackedBit: UInt32 = 1 << 6
}
