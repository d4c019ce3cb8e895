import Addressing
import CIPTables
import CNetlink
import DataplaneModel
import Netlink

// Expressions that load a register.
extension NFTRuleReader {
    mutating func readPayload(_ data: NetlinkBytes) -> Bool {
        guard let base = data.number(NFTA_PAYLOAD_BASE),
            let offset = data.number(NFTA_PAYLOAD_OFFSET),
            let length = data.number(NFTA_PAYLOAD_LEN)
        else { return false }
        for side in NFTSide.allCases {
            switch nft_payload_bases(rawValue: base) {
            case NFT_PAYLOAD_NETWORK_HEADER where Int(offset) == side.addressOffset(family):
                return readAddress(side, length: Int(length), data)
            case NFT_PAYLOAD_TRANSPORT_HEADER
            where Int(offset) == side.portOffset && length == 2:
                return put(.expression(.port(side)), NFTA_PAYLOAD_DREG, of: data)
            default: break
            }
        }
        return false
    }

    private mutating func readAddress(_ side: NFTSide, length: Int, _ data: NetlinkBytes) -> Bool {
        let whole = family.addressLength
        guard length <= whole else { return false }
        let content: Content =
            length == whole
            ? .expression(.address(side)) : .partOfAddress(side, bytes: length)
        return put(content, words: (length + 3) / 4, NFTA_PAYLOAD_DREG, of: data)
    }

    /// A meta expression loads a register, or sets the packet's value from one.
    mutating func readMeta(_ data: NetlinkBytes) -> Bool {
        guard let key = data.number(NFTA_META_KEY).map({ nft_meta_keys(rawValue: $0) }) else {
            return false
        }
        if data.attribute(NFTA_META_SREG) != nil { return readMetaSetting(key, data) }
        switch key {
        case NFT_META_L4PROTO: return put(.expression(.transport), NFTA_META_DREG, of: data)
        case NFT_META_PRIORITY: return put(.expression(.priority), NFTA_META_DREG, of: data)
        case NFT_META_MARK: return put(.mark, NFTA_META_DREG, of: data)
        case NFT_META_IIFNAME: return put(.inInterface, words: 4, NFTA_META_DREG, of: data)
        default: return false
        }
    }

    mutating func readConnection(_ data: NetlinkBytes) -> Bool {
        guard data.attribute(NFTA_CT_SREG) == nil else { return false }
        if let direction = data.attribute(NFTA_CT_DIRECTION) {
            return direction.network(1) == UInt128(IP_CT_DIR_ORIGINAL.rawValue)
                && readOriginalConnection(data)
        }
        switch data.number(NFTA_CT_KEY).map({ nft_ct_keys(rawValue: $0) }) {
        case NFT_CT_STATE: return put(.connectionState, NFTA_CT_DREG, of: data)
        case NFT_CT_STATUS: return put(.connectionStatus, NFTA_CT_DREG, of: data)
        default: return false
        }
    }

    private mutating func readOriginalConnection(_ data: NetlinkBytes) -> Bool {
        switch data.number(NFTA_CT_KEY).map({ nft_ct_keys(rawValue: $0) }) {
        case family.destinationKey:
            let content = Content.expression(.originalDestination)
            return put(
                content,
                words: NFTField.address.words(family),
                NFTA_CT_DREG,
                of: data
            )
        case NFT_CT_PROTO_DST: return put(.expression(.originalPort), NFTA_CT_DREG, of: data)
        default: return false
        }
    }

    mutating func readAddressType(_ data: NetlinkBytes) -> Bool {
        let flags = data.number(NFTA_FIB_FLAGS)
        guard data.number(NFTA_FIB_RESULT) == NFT_FIB_RESULT_ADDRTYPE.rawValue,
            let side = NFTSide.allCases.first(where: { $0.fibFlag == flags })
        else { return false }
        return put(.addressType(side), NFTA_FIB_DREG, of: data)
    }

    mutating func readBitwise(_ data: NetlinkBytes) -> Bool {
        let operation = data.number(NFTA_BITWISE_OP) ?? maskAndXor
        guard operation == maskAndXor,
            let source = content(NFTA_BITWISE_SREG, data),
            let mask = data.data(NFTA_BITWISE_MASK)?.array,
            let xor = data.data(NFTA_BITWISE_XOR)?.array, mask.count == xor.count
        else { return false }
        return put(
            .masked(source, mask: mask, xor: xor),
            words: (mask.count + 3) / 4,
            NFTA_BITWISE_DREG,
            of: data
        )
    }

    /// nft 1.0.6 swaps the bytes of a protocol number, which has one byte, in keys of interval sets.
    mutating func readByteOrder(_ data: NetlinkBytes) -> Bool {
        guard data.number(NFTA_BYTEORDER_LEN) == 1,
            case .expression(.transport)? = content(NFTA_BYTEORDER_SREG, data)
        else { return false }
        return put(.expression(.transport), NFTA_BYTEORDER_DREG, of: data)
    }

    mutating func readNumberGenerator(_ data: NetlinkBytes) -> Bool {
        guard let modulus = data.number(NFTA_NG_MODULUS), data.number(NFTA_NG_OFFSET) ?? 0 == 0
        else { return false }
        switch data.number(NFTA_NG_TYPE).map({ nft_ng_types(rawValue: $0) }) {
        case NFT_NG_RANDOM: return put(.expression(.random(modulus)), NFTA_NG_DREG, of: data)
        case NFT_NG_INCREMENTAL:
            return put(.expression(.roundRobin(modulus)), NFTA_NG_DREG, of: data)
        default: return false
        }
    }

    mutating func readHash(_ data: NetlinkBytes) -> Bool {
        guard data.number(NFTA_HASH_TYPE) ?? 0 == NFT_HASH_JENKINS.rawValue,
            data.number(NFTA_HASH_OFFSET) ?? 0 == 0,
            let source = register(NFTA_HASH_SREG, data),
            let length = data.number(NFTA_HASH_LEN), length % 4 == 0,
            let content = key(from: source, words: Int(length) / 4),
            let modulus = data.number(NFTA_HASH_MODULUS), let seed = data.number(NFTA_HASH_SEED)
        else { return false }
        let hash = NFTExpression.hash(content, modulus: modulus, seed: seed)
        return put(.expression(hash), NFTA_HASH_DREG, of: data)
    }
}

/// `NFT_BITWISE_MASK_XOR`, which older kernel headers call `NFT_BITWISE_BOOL`.
private let maskAndXor: UInt32 = 0
