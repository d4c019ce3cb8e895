import CIPTables
import CNetlink
import DataplaneModel
import Glibc
import NFTables
import Netlink

/// A foreign nftables rule, as far as it decides whether packets of Services pass.
struct NFTForeignRule {
    /// What a rule's condition is about.
    enum Field: Equatable {
        /// `NFT_META_…`.
        case meta(UInt32)
        /// `NFT_CT_…`.
        case connection(UInt32)
        /// Bytes from the transport header.
        case transport(offset: UInt32, length: UInt32)
        case other
    }

    /// One expression.
    enum Step {
        case load(Field)
        case compare(equal: Bool, [UInt8])
        case mask([UInt8], flip: [UInt8])
        case lookup(set: String, inverted: Bool)
        /// A match of iptables.
        case match(name: String, info: [UInt8])
        /// `dnat` or `redirect` of nft.
        case translate
        /// A target of iptables, other than a verdict.
        case target(name: String, info: [UInt8])
        case accept
        /// `drop` or `reject`.
        case stop(String)
        case jump(String, isGoto: Bool)
        case returnToCaller
        case limit
        /// Only counts or logs.
        case note
        case other
    }

    private(set) var steps: [Step] = []
    /// iptables-nft can read all expressions.
    private(set) var isReadableByIPTables = true

    init(_ expressions: NetlinkBytes) {
        expressions.forEachAttribute { _, item in
            let name = item.text(NFTA_EXPR_NAME) ?? ""
            if !Self.readable.contains(name) { isReadableByIPTables = false }
            guard let data = item.attribute(NFTA_EXPR_DATA) else {
                steps.append(Self.notes.contains(name) ? .note : .other)
                return
            }
            steps.append(Self.step(name, data))
        }
    }

    private static let notes: Set = ["counter", "log", "notrack"]
    /// iptables 1.8.9 accepts `lookup` as well, and shows the rule without that condition.
    private static let readable: Set = [
        "bitwise", "cmp", "counter", "immediate", "limit", "log", "match", "meta", "payload",
        "target",
    ]

    private static func step(_ name: String, _ data: NetlinkBytes) -> Step {
        switch name {
        case _ where notes.contains(name): return .note
        case "limit": return .limit
        case "meta":
            return data.number(NFTA_META_KEY).map { .load(.meta($0)) } ?? .other
        case "ct":
            return data.number(NFTA_CT_KEY).map { .load(.connection($0)) } ?? .other
        case "payload": return .load(payload(data))
        case "cmp":
            let isEqual = data.number(NFTA_CMP_OP) == NFT_CMP_EQ.rawValue
            guard isEqual || data.number(NFTA_CMP_OP) == NFT_CMP_NEQ.rawValue,
                let value = data.data(NFTA_CMP_DATA)
            else { return .other }
            return .compare(equal: isEqual, value.array)
        case "bitwise":
            guard let mask = data.data(NFTA_BITWISE_MASK), let flip = data.data(NFTA_BITWISE_XOR)
            else { return .other }
            return .mask(mask.array, flip: flip.array)
        case "lookup":
            // With a destination register it is a map.
            guard let set = data.text(NFTA_LOOKUP_SET), data.attribute(NFTA_LOOKUP_DREG) == nil
            else { return .other }
            return .lookup(set: set, inverted: (data.number(NFTA_LOOKUP_FLAGS) ?? 0) & 1 != 0)
        case "match":
            return .match(
                name: data.text(NFTA_MATCH_NAME) ?? "",
                info: data.attribute(NFTA_MATCH_INFO)?.array ?? []
            )
        case "target":
            let target = data.text(NFTA_TARGET_NAME) ?? ""
            if target == "REJECT" { return .stop("reject") }
            return .target(name: target, info: data.attribute(NFTA_TARGET_INFO)?.array ?? [])
        case "nat":
            return data.number(NFTA_NAT_TYPE) == NFT_NAT_DNAT.rawValue ? .translate : .other
        case "redir": return .translate
        case "reject": return .stop("reject")
        case "immediate": return verdict(data)
        default: return .other
        }
    }

    private static func payload(_ data: NetlinkBytes) -> Field {
        guard data.number(NFTA_PAYLOAD_BASE) == NFT_PAYLOAD_TRANSPORT_HEADER.rawValue,
            let offset = data.number(NFTA_PAYLOAD_OFFSET),
            let length = data.number(NFTA_PAYLOAD_LEN)
        else { return .other }
        return .transport(offset: offset, length: length)
    }

    private static func verdict(_ data: NetlinkBytes) -> Step {
        let verdict = data.attribute(NFTA_IMMEDIATE_DATA)?.attribute(NFTA_DATA_VERDICT)
        guard let code = verdict?.number(NFTA_VERDICT_CODE) else { return .other }
        let chain = verdict?.text(NFTA_VERDICT_CHAIN) ?? ""
        switch Int32(bitPattern: code) {
        case NF_ACCEPT: return .accept
        case NF_DROP: return .stop("drop")
        case NFT_JUMP.rawValue: return .jump(chain, isGoto: false)
        case NFT_GOTO.rawValue: return .jump(chain, isGoto: true)
        case NFT_RETURN.rawValue: return .returnToCaller
        default: return .other
        }
    }
}

// MARK: - Connections

extension NFTForeignRule {
    var accepts: Bool {
        steps.contains { if case .accept = $0 { true } else { false } }
    }

    var stops: String? {
        for case .stop(let verdict) in steps { return verdict }
        return nil
    }

    /// The number of conditions and actions, without what only counts or logs. A condition about the
    /// connection is three expressions: load, mask, compare.
    private var parts: Int {
        var parts = 0
        var isAboutConnection = false
        for step in steps {
            switch step {
            case .note: break
            case .load(.connection): isAboutConnection = true
            case .mask where isAboutConnection: break
            default: parts += 1
            }
        }
        return parts
    }

    var isForAllPackets: Bool { parts == 1 }
    /// Only one condition about the connection, and the action.
    var hasOneCondition: Bool { parts == 2 }

    /// The condition holds for connections whose destination was translated.
    var matchesTranslated: Bool {
        matches(NFT_CT_STATUS.rawValue, UInt32(IPS_DST_NAT.rawValue), .dnat)
    }

    var matchesEstablished: Bool {
        // NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
        matches(NFT_CT_STATE.rawValue, 2, .established)
    }

    /// As nft writes it, or as `-m conntrack --ctstate` of iptables-nft.
    private func matches(_ key: UInt32, _ bit: UInt32, _ state: ConnectionState) -> Bool {
        var loaded: UInt32?
        for step in steps {
            switch step {
            case .load(.connection(let key)): loaded = key
            case .mask(let mask, _) where loaded == key: return mask.hostNumber & bit != 0
            case .match("conntrack", let info):
                return ConntrackMatch(info)?.matches(state) ?? false
            default: break
            }
        }
        return false
    }
}

// MARK: - Ports

extension NFTForeignRule {
    /// The IP protocol number and the port whose connections the rule sends elsewhere. Nil for other
    /// rules, and for several ports.
    var translatedPort: (number: UInt8, port: UInt16)? {
        var translates = false
        var loaded: Field?
        var number: UInt8?
        var port: UInt16?
        for step in steps {
            switch step {
            case .load(let field): loaded = field
            case .compare(equal: true, let value):
                if loaded == .meta(NFT_META_L4PROTO.rawValue) { number = value.first }
                if loaded == .transport(offset: 2, length: 2) { port = value.networkPort }
            // struct xt_tcp and xt_udp: ranges of source ports and of destination ports.
            case .match("tcp", let info), .match("udp", let info):
                guard info.count >= 8, info[4...5].elementsEqual(info[6...7]) else { break }
                port = UInt16(info[4]) | UInt16(info[5]) << 8
            case .translate: translates = true
            case .target(let name, _): if name == "DNAT" || name == "REDIRECT" { translates = true }
            default: break
            }
        }
        guard translates, let number, let port else { return nil }
        return (number, port)
    }
}

extension [UInt8] {
    fileprivate var networkPort: UInt16? {
        count == 2 ? UInt16(self[0]) << 8 | UInt16(self[1]) : nil
    }
}

/// `-m conntrack --ctstate`, from a `struct xt_conntrack_mtinfo3`.
struct ConntrackMatch {
    private let states: UInt16
    private let isInverted: Bool

    init?(_ info: [UInt8]) {
        // invert_flags, then state_mask.
        guard info.count >= 152 else { return nil }
        isInverted = info[148] | info[149] != 0
        states = UInt16(info[150]) | UInt16(info[151]) << 8
    }

    func matches(_ state: ConnectionState) -> Bool {
        !isInverted && states & state.rawValue != 0
    }
}
