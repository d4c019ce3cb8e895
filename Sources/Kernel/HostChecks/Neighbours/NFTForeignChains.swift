import Addressing
import CIPTables
import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import NFTables
import Netlink

/// Chains in other programs' nftables tables that packets through the node pass: those of the host's own
/// ruleset, of firewalld and of iptables-nft.
struct NFTForeignChains: ~Copyable {
    /// A chain that a hook calls.
    struct Base: Equatable {
        var protocolFamily: UInt8
        var table: String
        var name: String
        /// `filter`, `nat` or `route`.
        var type: String
        /// `NF_INET_…`.
        var hook: UInt32
        var priority: Int32
        var dropsByPolicy: Bool

        /// `ip`, `ip6` or `inet`.
        var family: String {
            switch Int32(protocolFamily) {
            case AF_INET: "ip"
            case AF_INET6: "ip6"
            default: "inet"
            }
        }
    }

    private let families: [IPFamily]
    private let ownTable: String
    private var socket: NetlinkSocket

    /// `ownership` names the table that is not foreign.
    init(_ families: [IPFamily], _ ownership: Ownership) throws(DataplaneError) {
        self.families = families
        ownTable = ownership.table
        socket = try NetlinkSocket(NETLINK_NETFILTER, name: "nf_tables")
    }

    /// All foreign base chains.
    ///
    /// - Throws: the kernel's refusal, EINVAL if it has no nftables.
    mutating func bases() throws(DataplaneError) -> [Base] {
        var bases: [Base] = []
        for number in families.map(\.protocolFamily) + [UInt8(NFPROTO_INET)] {
            bases += try dump(NFT_MSG_GETCHAIN, number).compactMap {
                Self.base($0, number, ownTable)
            }
        }
        return bases
    }

    /// The attributes of each message, though other programs change tables meanwhile.
    private mutating func dump(
        _ message: nf_tables_msg_types,
        _ protocolFamily: UInt8,
        _ restrict: (inout NetlinkBatch) -> Void = { _ in }
    ) throws(DataplaneError) -> [NetlinkBytes] {
        var batch = NetlinkBatch()
        batch.begin(message, protocolFamily: protocolFamily, flags: UInt16(NLM_F_DUMP))
        restrict(&batch)
        return try socket.request(&batch, unlessChanged: false).map(\.attributes)
    }

    private static func base(
        _ chain: NetlinkBytes,
        _ number: UInt8,
        _ ownTable: String
    ) -> Base? {
        guard let table = chain.text(NFTA_CHAIN_TABLE), table != ownTable,
            let name = chain.text(NFTA_CHAIN_NAME), let type = chain.text(NFTA_CHAIN_TYPE),
            let hook = chain.attribute(NFTA_CHAIN_HOOK),
            let place = hook.number(NFTA_HOOK_HOOKNUM)
        else { return nil }
        return Base(
            protocolFamily: number,
            table: table,
            name: name,
            type: type,
            hook: place,
            priority: Int32(bitPattern: hook.number(NFTA_HOOK_PRIORITY) ?? 0),
            dropsByPolicy: chain.number(NFTA_CHAIN_POLICY) == UInt32(NF_DROP)
        )
    }

    /// The rules of a chain in the table of `base`.
    mutating func rules(
        of chain: String,
        _ base: Base
    ) throws(DataplaneError) -> [NFTForeignRule] {
        try rules(base) { $0.text(NFTA_RULE_CHAIN, chain) }.map(\.rule)
    }

    /// All rules of the table of `base`, each with its chain.
    mutating func allRules(
        _ base: Base
    ) throws(DataplaneError) -> [(chain: String, rule: NFTForeignRule)] {
        try rules(base) { _ in }
    }

    private mutating func rules(
        _ base: Base,
        _ restrict: (inout NetlinkBatch) -> Void
    ) throws(DataplaneError) -> [(chain: String, rule: NFTForeignRule)] {
        try dump(NFT_MSG_GETRULE, base.protocolFamily) { batch in
            batch.text(NFTA_RULE_TABLE, base.table)
            restrict(&batch)
        }
        .compactMap { rule in
            guard let chain = rule.text(NFTA_RULE_CHAIN),
                let expressions = rule.attribute(NFTA_RULE_EXPRESSIONS)
            else { return nil }
            return (chain, NFTForeignRule(expressions))
        }
    }

    /// The keys of a set in the table of `base`; nil if it has ranges.
    mutating func keys(of set: String, _ base: Base) throws(DataplaneError) -> Set<[UInt8]>? {
        let messages = try dump(NFT_MSG_GETSETELEM, base.protocolFamily) { batch in
            batch.text(NFTA_SET_ELEM_LIST_TABLE, base.table)
            batch.text(NFTA_SET_ELEM_LIST_SET, set)
        }
        var keys: Set<[UInt8]> = []
        var hasRanges = false
        for message in messages {
            message.attribute(NFTA_SET_ELEM_LIST_ELEMENTS)?.forEachAttribute { _, element in
                let isEnd = (element.number(NFTA_SET_ELEM_FLAGS) ?? 0) & 1 != 0
                if isEnd || element.attribute(NFTA_SET_ELEM_KEY_END) != nil { hasRanges = true }
                if let key = element.data(NFTA_SET_ELEM_KEY) { keys.insert(key.array) }
            }
        }
        return hasRanges ? nil : keys
    }

    // MARK: - Filters

    /// What a chain at the hooks input and forward does to packets that no rule accepts; nil for other
    /// chains.
    mutating func filter(_ base: Base) throws(DataplaneError) -> ForeignFilter? {
        guard base.type == "filter", let hook = ForeignFilter.Hook(base.hook) else { return nil }
        var filter = ForeignFilter(name: base.name, hook: hook)
        filter.dropsByPolicy = base.dropsByPolicy
        for rule in try rules(of: base.name, base) { filter.note(rule) }
        return filter
    }

    /// The program that manages the table of `base`; `all` are the foreign base chains.
    mutating func manager(_ base: Base, _ all: [Base]) throws(DataplaneError) -> ForeignManager {
        if base.family == "inet" {
            return base.table.hasPrefix("firewalld") ? .firewalld : .nftables
        }
        let siblings = all.filter {
            $0.protocolFamily == base.protocolFamily && $0.table == base.table
        }
        guard siblings.allSatisfy(\.isOfIPTables),
            try allRules(base).allSatisfy({ $0.rule.isReadableByIPTables })
        else { return base.table.hasPrefix("firewalld") ? .firewalld : .nftables }
        return .iptablesNFT(
            program: base.family == "ip" ? "iptables-nft" : "ip6tables-nft"
        )
    }

    mutating func chain(_ base: Base, _ all: [Base]) throws(DataplaneError) -> ForeignChain {
        ForeignChain(
            manager: try manager(base, all),
            name: Self.shown(base.name),
            place: "\(base.family) \(Self.shown(base.table)) \(Self.shown(base.name))"
        )
    }

    /// A name that is safe in a shell command: tables can have any name.
    static func shown(_ name: String) -> String {
        if ShellArgument.isPlain(name) { return name }
        let harmless = name.filter { $0.isASCII && $0 >= " " && !"'\"\\\u{7f}".contains($0) }
        return "'\"\(harmless)\"'"
    }
}

/// Arguments that a shell does not interpret, and no program takes for an option.
enum ShellArgument {
    static func isPlain(_ argument: String) -> Bool {
        !argument.isEmpty && !argument.hasPrefix("-")
            && argument.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0 & 0xdf)
                    || "_-./".utf8.contains($0)
            }
    }
}

extension NFTForeignChains.Base {
    /// One of iptables' built-in chains, at its usual hook and priority.
    fileprivate var isOfIPTables: Bool {
        let hooks: [String: UInt32] = [
            "PREROUTING": NF_INET_PRE_ROUTING.rawValue, "INPUT": NF_INET_LOCAL_IN.rawValue,
            "FORWARD": NF_INET_FORWARD.rawValue, "OUTPUT": NF_INET_LOCAL_OUT.rawValue,
            "POSTROUTING": NF_INET_POST_ROUTING.rawValue,
        ]
        // NF_IP_PRI_RAW, _MANGLE, _NAT_DST, _FILTER, _SECURITY, _NAT_SRC.
        let priorities: [String: Set<Int32>] = [
            "raw": [-300], "mangle": [-150], "nat": [-100, 100], "filter": [0], "security": [50],
        ]
        return hooks[name] == hook && priorities[table]?.contains(priority) == true
    }
}

extension ForeignFilter.Hook {
    init?(_ number: UInt32) {
        switch number {
        case NF_INET_LOCAL_IN.rawValue: self = .input
        case NF_INET_FORWARD.rawValue: self = .forward
        default: return nil
        }
    }
}

extension ForeignFilter {
    fileprivate mutating func note(_ rule: NFTForeignRule) {
        finalVerdict = rule.isForAllPackets ? rule.stops : nil
        guard rule.accepts else { return }
        if rule.isForAllPackets { acceptsEverything = true }
        guard rule.hasOneCondition else { return }
        if rule.matchesTranslated { acceptsTranslated = true }
        if rule.matchesEstablished { acceptsEstablished = true }
    }
}
