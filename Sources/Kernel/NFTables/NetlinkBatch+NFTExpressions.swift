import Addressing
import CIPTables
import CNetlink
import DataplaneModel
import Glibc
import Netlink

// The kernel's expressions, each an element of the list that is a rule.
extension NetlinkBatch {
    private mutating func expression(
        _ name: String,
        _ attributes: (inout NetlinkBatch) -> Void
    ) {
        nested(NFTA_LIST_ELEM) { batch in
            batch.text(NFTA_EXPR_NAME, name)
            batch.nested(NFTA_EXPR_DATA, attributes)
        }
    }

    mutating func payload(
        _ base: nft_payload_bases,
        offset: Int,
        length: Int,
        to register: NFTRegister
    ) {
        expression("payload") { batch in
            batch.number(NFTA_PAYLOAD_DREG, register.number)
            batch.number(NFTA_PAYLOAD_BASE, base.rawValue)
            batch.number(NFTA_PAYLOAD_OFFSET, UInt32(offset))
            batch.number(NFTA_PAYLOAD_LEN, UInt32(length))
        }
    }

    mutating func meta(_ key: nft_meta_keys, to register: NFTRegister) {
        expression("meta") { batch in
            batch.number(NFTA_META_KEY, key.rawValue)
            batch.number(NFTA_META_DREG, register.number)
        }
    }

    mutating func setMeta(_ key: nft_meta_keys, from register: NFTRegister) {
        expression("meta") { batch in
            batch.number(NFTA_META_KEY, key.rawValue)
            batch.number(NFTA_META_SREG, register.number)
        }
    }

    mutating func ct(_ key: nft_ct_keys, to register: NFTRegister) {
        expression("ct") { batch in
            batch.number(NFTA_CT_DREG, register.number)
            batch.number(NFTA_CT_KEY, key.rawValue)
        }
    }

    /// From the connection's first packet before any translation.
    mutating func originalConnection(_ key: nft_ct_keys, to register: NFTRegister) {
        expression("ct") { batch in
            batch.number(NFTA_CT_DREG, register.number)
            batch.number(NFTA_CT_KEY, key.rawValue)
            batch.attribute(NFTA_CT_DIRECTION.rawValue, [UInt8(IP_CT_DIR_ORIGINAL.rawValue)])
        }
    }

    /// The type of an address (`RTN_LOCAL` and so on).
    mutating func addressType(_ side: NFTSide, to register: NFTRegister) {
        expression("fib") { batch in
            batch.number(NFTA_FIB_FLAGS, side.fibFlag)
            batch.number(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE.rawValue)
            batch.number(NFTA_FIB_DREG, register.number)
        }
    }

    mutating func bitwise(_ register: NFTRegister, mask: [UInt8], xor: [UInt8]) {
        expression("bitwise") { batch in
            batch.number(NFTA_BITWISE_SREG, register.number)
            batch.number(NFTA_BITWISE_DREG, register.number)
            batch.number(NFTA_BITWISE_LEN, UInt32(mask.count))
            batch.data(NFTA_BITWISE_MASK, mask)
            batch.data(NFTA_BITWISE_XOR, xor)
        }
    }

    mutating func compare(_ register: NFTRegister, inverted: Bool = false, _ bytes: [UInt8]) {
        expression("cmp") { batch in
            batch.number(NFTA_CMP_SREG, register.number)
            batch.number(NFTA_CMP_OP, (inverted ? NFT_CMP_NEQ : NFT_CMP_EQ).rawValue)
            batch.data(NFTA_CMP_DATA, bytes)
        }
    }

    mutating func immediate(_ bytes: [UInt8], to register: NFTRegister) {
        expression("immediate") { batch in
            batch.number(NFTA_IMMEDIATE_DREG, register.number)
            batch.data(NFTA_IMMEDIATE_DATA, bytes)
        }
    }

    mutating func immediate(_ verdict: NFTVerdict) {
        expression("immediate") { batch in
            batch.number(NFTA_IMMEDIATE_DREG, UInt32(NFT_REG_VERDICT.rawValue))
            batch.nested(NFTA_IMMEDIATE_DATA) { $0.verdict(verdict) }
        }
    }

    /// `NFTA_DATA_VERDICT`.
    mutating func verdict(_ verdict: NFTVerdict) {
        nested(NFTA_DATA_VERDICT) { batch in
            batch.number(NFTA_VERDICT_CODE, UInt32(bitPattern: verdict.code))
            if let chain = verdict.chain { batch.text(NFTA_VERDICT_CHAIN, chain.text) }
        }
    }

    /// What a lookup leaves behind.
    enum LookupResult {
        /// Nothing: whether the key is there, or with `inverted` not there, is what counts.
        case membership(inverted: Bool)
        case data(NFTRegister)
        case verdict
    }

    /// `id` is that of an anonymous set of this transaction.
    mutating func lookup(
        _ set: String,
        id: UInt32? = nil,
        from register: NFTRegister,
        _ result: LookupResult
    ) {
        expression("lookup") { batch in
            batch.text(NFTA_LOOKUP_SET, set)
            if let id { batch.number(NFTA_LOOKUP_SET_ID, id) }
            batch.number(NFTA_LOOKUP_SREG, register.number)
            switch result {
            case .membership(let inverted):
                if inverted { batch.number(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV.rawValue) }
            case .data(let destination): batch.number(NFTA_LOOKUP_DREG, destination.number)
            case .verdict: batch.number(NFTA_LOOKUP_DREG, UInt32(NFT_REG_VERDICT.rawValue))
            }
        }
    }

    mutating func numberGenerator(
        _ type: nft_ng_types,
        modulus: UInt32,
        to register: NFTRegister
    ) {
        expression("numgen") { batch in
            batch.number(NFTA_NG_DREG, register.number)
            batch.number(NFTA_NG_MODULUS, modulus)
            batch.number(NFTA_NG_TYPE, type.rawValue)
            batch.number(NFTA_NG_OFFSET, 0)
        }
    }

    /// Jenkins' hash of `length` bytes.
    mutating func hash(
        _ source: NFTRegister,
        length: Int,
        modulus: UInt32,
        seed: UInt32,
        to register: NFTRegister
    ) {
        expression("hash") { batch in
            batch.number(NFTA_HASH_SREG, source.number)
            batch.number(NFTA_HASH_DREG, register.number)
            batch.number(NFTA_HASH_LEN, UInt32(length))
            batch.number(NFTA_HASH_MODULUS, modulus)
            batch.number(NFTA_HASH_SEED, seed)
            batch.number(NFTA_HASH_OFFSET, 0)
            batch.number(NFTA_HASH_TYPE, NFT_HASH_JENKINS.rawValue)
        }
    }

    mutating func destinationNAT(
        _ family: IPFamily,
        address: NFTRegister,
        port: NFTRegister
    ) {
        expression("nat") { batch in
            batch.number(NFTA_NAT_TYPE, NFT_NAT_DNAT.rawValue)
            batch.number(NFTA_NAT_FAMILY, UInt32(family.protocolFamily))
            batch.number(NFTA_NAT_REG_ADDR_MIN, address.number)
            batch.number(NFTA_NAT_REG_PROTO_MIN, port.number)
        }
    }

    /// With a random port (`NF_NAT_RANGE_PROTO_RANDOM_FULLY`).
    mutating func masquerade() {
        expression("masq") { $0.number(NFTA_MASQ_FLAGS, UInt32(NF_NAT_RANGE_PROTO_RANDOM_FULLY)) }
    }

    /// ICMP or ICMPv6 port unreachable.
    mutating func reject(_ family: IPFamily) {
        expression("reject") { batch in
            batch.number(NFTA_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH.rawValue)
            batch.attribute(NFTA_REJECT_ICMP_CODE.rawValue, family.portUnreachable)
        }
    }

    /// Adds an element or restarts its timeout; without `seconds` deletes it.
    mutating func update(
        _ set: NFTSetName,
        key: NFTRegister,
        data: NFTRegister,
        seconds: UInt32?
    ) {
        let operation = seconds == nil ? NFT_DYNSET_OP_DELETE : NFT_DYNSET_OP_UPDATE
        expression("dynset") { batch in
            batch.text(NFTA_DYNSET_SET_NAME, set.text)
            batch.number(NFTA_DYNSET_OP, operation.rawValue)
            batch.number(NFTA_DYNSET_SREG_KEY, key.number)
            batch.number(NFTA_DYNSET_SREG_DATA, data.number)
            if let seconds {
                batch.number(NFTA_DYNSET_TIMEOUT, long: UInt64(seconds) * 1000)
            }
        }
    }
}

extension NFTSide {
    var fibFlag: UInt32 {
        (self == .source ? NFTA_FIB_F_SADDR : NFTA_FIB_F_DADDR).rawValue
    }

    /// The offset of the address in the network header.
    func addressOffset(_ family: IPFamily) -> Int {
        switch (family, self) {
        case (.ipv4, .source): 12
        case (.ipv4, .destination): 16
        case (.ipv6, .source): 8
        case (.ipv6, .destination): 24
        }
    }

    /// The offset of the port in the transport header.
    var portOffset: Int { self == .source ? 0 : 2 }
}

extension IPFamily {
    /// `ICMP_PORT_UNREACH` or `ICMPV6_PORT_UNREACH`.
    var portUnreachable: UInt8 { self == .ipv4 ? 3 : 4 }

    /// Bytes of an address.
    var addressLength: Int { bitWidth / 8 }
}

extension NFTVerdict {
    /// `NF_DROP`, `NF_ACCEPT`, or of `enum nft_verdicts`.
    var code: Int32 {
        switch self {
        case .drop: NF_DROP
        case .accept: NF_ACCEPT
        case .jump: NFT_JUMP.rawValue
        case .goto: NFT_GOTO.rawValue
        case .returnToCaller: NFT_RETURN.rawValue
        }
    }

    /// Nil for a verdict that the model lacks.
    package init?(code: Int32, chain: String?) {
        switch (code, chain) {
        case (NF_DROP, nil): self = .drop
        case (NF_ACCEPT, nil): self = .accept
        case (NFT_RETURN.rawValue, nil): self = .returnToCaller
        case (NFT_JUMP.rawValue, let chain?): self = .jump(NFTChainName(chain))
        case (NFT_GOTO.rawValue, let chain?): self = .goto(NFTChainName(chain))
        default: return nil
        }
    }
}
