import Addressing
import CIPTables
import CNetlink
import DataplaneModel
import Glibc

/// Chains of other programs' nftables tables that see what passes the node: the host's own ruleset,
/// firewalld's, and what iptables-nft keeps.
struct NFTForeignChains {
    struct Place: Equatable {
        /// `ip`, `ip6` or `inet`.
        var family: String
        var table: String
        var filter: ForeignFilter
    }

    private let families: [IPFamily]

    init(_ families: [IPFamily]) {
        self.families = families
    }

    /// Those at the hooks input and forward that filter. None where the kernel has no nftables.
    func filters() throws(DataplaneError) -> [Place] {
        var socket = try NetlinkSocket(NETLINK_NETFILTER, name: "nf_tables")
        let protocols = families.map(\.protocolFamily) + [UInt8(NFPROTO_INET)]
        var places: [Place] = []
        for number in protocols {
            var batch = NetlinkBatch()
            batch.begin(NFT_MSG_GETCHAIN, protocolFamily: number, flags: UInt16(NLM_F_DUMP))
            for message in try socket.request(&batch, unlessChanged: false) {
                guard var place = Self.place(message.payload.dropFirst(4), number) else { continue }
                try Self.readRules(&place, number, &socket)
                places.append(place)
            }
        }
        return places
    }

    private static func place(_ chain: NetlinkBytes, _ number: UInt8) -> Place? {
        guard let table = chain.text(NFTA_CHAIN_TABLE), table != NFTablesState.table,
            let name = chain.text(NFTA_CHAIN_NAME), chain.text(NFTA_CHAIN_TYPE) == "filter",
            let hook = hook(chain)
        else { return nil }
        var filter = ForeignFilter(name: name, hook: hook)
        filter.dropsByPolicy = chain.number(NFTA_CHAIN_POLICY) == UInt32(NF_DROP)
        let family = number == UInt8(NFPROTO_INET) ? "inet" : number == AF_INET ? "ip" : "ip6"
        return Place(family: family, table: table, filter: filter)
    }

    private static func hook(_ chain: NetlinkBytes) -> ForeignFilter.Hook? {
        switch chain.attribute(NFTA_CHAIN_HOOK)?.number(NFTA_HOOK_HOOKNUM) {
        case NF_INET_LOCAL_IN.rawValue: .input
        case NF_INET_FORWARD.rawValue: .forward
        default: nil
        }
    }

    private static func readRules(
        _ place: inout Place,
        _ number: UInt8,
        _ socket: inout NetlinkSocket
    ) throws(DataplaneError) {
        var batch = NetlinkBatch()
        batch.begin(NFT_MSG_GETRULE, protocolFamily: number, flags: UInt16(NLM_F_DUMP))
        batch.text(NFTA_RULE_TABLE, place.table)
        batch.text(NFTA_RULE_CHAIN, place.filter.name)
        for message in try socket.request(&batch, unlessChanged: false) {
            let rule = message.payload.dropFirst(4)
            guard let expressions = rule.attribute(NFTA_RULE_EXPRESSIONS) else { continue }
            place.filter.note(NFTForeignRule(expressions))
        }
    }

    /// A name for a command line; people call tables what they like.
    static func shown(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0 & 0xdf)
                || $0 == UInt8(ascii: "-")
        }
        return isPlain ? name : "\"\(name.filter { $0.isASCII && $0 > " " && $0 != "\"" })\""
    }
}

/// As much of somebody's rule as tells whether Services' packets get past it.
struct NFTForeignRule {
    /// Conditions and actions, without what only counts or tells.
    private var parts = 0
    private(set) var accepts = false
    private(set) var stops: String?
    private(set) var asksForTranslated = false
    private(set) var asksForEstablished = false
    private var connectionKey: UInt32?

    var isForAllPackets: Bool { parts == 1 }
    /// Nothing but one question about the connection, and the answer.
    var asksOneQuestion: Bool { parts == 2 }

    init(_ expressions: NetlinkBytes) {
        expressions.forEachAttribute { _, item in
            read(item.text(NFTA_EXPR_NAME) ?? "", item.attribute(NFTA_EXPR_DATA))
        }
    }

    private mutating func read(_ name: String, _ data: NetlinkBytes?) {
        guard let data else {
            parts += 1
            return
        }
        switch name {
        case "counter", "log": return
        // A question about the connection is three expressions: load, mask, compare.
        case "ct":
            connectionKey = data.number(NFTA_CT_KEY)
            return
        case "bitwise" where connectionKey != nil:
            readMask(data)
            return
        case "match": readMatch(data)
        case "immediate": readVerdict(data)
        case "reject": stops = "reject"
        case "target": if data.text(NFTA_TARGET_NAME) == "REJECT" { stops = "reject" }
        default: break
        }
        parts += 1
    }

    private mutating func readMask(_ data: NetlinkBytes) {
        let mask = data.attribute(NFTA_BITWISE_MASK)?.attribute(NFTA_DATA_VALUE)?.array.hostNumber
        guard let mask else { return }
        switch connectionKey {
        case NFT_CT_STATUS.rawValue:
            asksForTranslated = mask & UInt32(IPS_DST_NAT.rawValue) != 0
        case NFT_CT_STATE.rawValue:
            // NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
            asksForEstablished = mask & 2 != 0
        default: break
        }
    }

    /// `-m conntrack --ctstate` of iptables-nft.
    private mutating func readMatch(_ data: NetlinkBytes) {
        guard data.text(NFTA_MATCH_NAME) == "conntrack",
            let info = data.attribute(NFTA_MATCH_INFO)
        else { return }
        // struct xt_conntrack_mtinfo3: invert_flags, and state_mask behind it.
        guard info.number(UInt16.self, at: 148) == 0 else { return }
        let states = info.number(UInt16.self, at: 150)
        asksForTranslated = states & ConnectionState.dnat.rawValue != 0
        asksForEstablished = states & ConnectionState.established.rawValue != 0
    }

    private mutating func readVerdict(_ data: NetlinkBytes) {
        let verdict = data.attribute(NFTA_IMMEDIATE_DATA)?.attribute(NFTA_DATA_VERDICT)
        switch verdict?.number(NFTA_VERDICT_CODE) {
        case UInt32(NF_ACCEPT): accepts = true
        case UInt32(NF_DROP): stops = "drop"
        default: break
        }
    }
}

extension ForeignFilter {
    fileprivate mutating func note(_ rule: NFTForeignRule) {
        lastWord = rule.isForAllPackets ? rule.stops : nil
        guard rule.accepts else { return }
        if rule.isForAllPackets { acceptsEverything = true }
        guard rule.asksOneQuestion else { return }
        if rule.asksForTranslated { acceptsTranslated = true }
        if rule.asksForEstablished { acceptsEstablished = true }
    }
}
