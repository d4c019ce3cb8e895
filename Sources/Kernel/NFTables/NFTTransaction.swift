package import Addressing
import CIPTables
import CNetlink
import DataplaneModel
import Glibc
package import Netlink

/// Messages that change a table of one family: all of them or, if one is refused, none.
package struct NFTTransaction {
    package var batch: NetlinkBatch
    let family: IPFamily
    let table: String
    /// The shapes of the sets whose elements it changes.
    private(set) var shapes: [String: NFTSetShape] = [:]
    /// Sets are numbered within the transaction.
    private var setCount: UInt32 = 0

    package init(_ family: IPFamily, _ table: String, reserving capacity: Int = 4096) {
        self.family = family
        self.table = table
        batch = NetlinkBatch(reserving: capacity)
        batch.beginTransaction()
    }

    /// Appends the end, without which nothing is carried out.
    mutating func end() {
        batch.endTransaction()
        batch.close()
    }

    /// Begins a message about the table or an object in it.
    mutating func begin(_ message: nf_tables_msg_types, flags: Int32 = 0) {
        batch.begin(message, family, flags: UInt16(flags))
        // The attribute of the table's name is the first of every message's.
        batch.text(NFTA_TABLE_NAME, table)
    }

    // MARK: - Table and chains

    /// Creates the table, or clears the flags of an existing one.
    mutating func makeTable() {
        begin(NFT_MSG_NEWTABLE, flags: NLM_F_CREATE)
        batch.number(NFTA_TABLE_FLAGS, 0)
    }

    /// With all its objects.
    mutating func deleteTable() { begin(NFT_MSG_DELTABLE) }

    /// Without rules.
    mutating func make(_ chain: NFTChain) {
        begin(NFT_MSG_NEWCHAIN, flags: NLM_F_CREATE)
        batch.text(NFTA_CHAIN_NAME, chain.name.text)
        guard let hook = chain.hook else { return }
        batch.nested(NFTA_CHAIN_HOOK) { batch in
            batch.number(NFTA_HOOK_HOOKNUM, hook.place.number)
            batch.number(NFTA_HOOK_PRIORITY, UInt32(bitPattern: hook.priority))
        }
        batch.number(NFTA_CHAIN_POLICY, UInt32(hook.dropsByDefault ? NF_DROP : NF_ACCEPT))
        batch.text(NFTA_CHAIN_TYPE, hook.kind.rawValue)
    }

    /// The chain must be empty, and no rule or element may jump to it.
    mutating func delete(_ chain: NFTChainName) {
        begin(NFT_MSG_DELCHAIN)
        batch.text(NFTA_CHAIN_NAME, chain.text)
    }

    /// Deletes the rules of a chain.
    mutating func flush(_ chain: NFTChainName) {
        begin(NFT_MSG_DELRULE)
        batch.text(NFTA_RULE_CHAIN, chain.text)
    }

    /// Behind the chain's present rules.
    mutating func append(_ rule: NFTRule, to chain: NFTChainName) {
        var sets: [UInt32] = []
        for case .transports(let transports) in rule.statements where transports.count > 1 {
            sets.append(makeAnonymousSet(transports))
        }
        begin(NFT_MSG_NEWRULE, flags: NLM_F_CREATE | NLM_F_APPEND)
        batch.text(NFTA_RULE_CHAIN, chain.text)
        let family = family
        batch.nested(NFTA_RULE_EXPRESSIONS) { batch in
            var sets = sets[...]
            for statement in rule.statements { batch.append(statement, family, &sets) }
        }
    }

    // MARK: - Sets

    /// Without elements.
    mutating func make(_ set: NFTSet) {
        begin(NFT_MSG_NEWSET, flags: NLM_F_CREATE)
        batch.text(NFTA_SET_NAME, set.name.text)
        setCount += 1
        batch.number(NFTA_SET_ID, setCount)
        batch.append(set, family)
    }

    /// No rule may use it.
    mutating func delete(_ set: NFTSetName) {
        begin(NFT_MSG_DELSET)
        batch.text(NFTA_SET_NAME, set.text)
    }

    /// Returns the set's number within the transaction.
    private mutating func makeAnonymousSet(_ transports: [TransportProtocol]) -> UInt32 {
        setCount += 1
        begin(NFT_MSG_NEWSET, flags: NLM_F_CREATE)
        batch.text(NFTA_SET_NAME, NetlinkBatch.anonymousSet)
        batch.number(NFTA_SET_ID, setCount)
        batch.number(NFTA_SET_FLAGS, NFT_SET_ANONYMOUS.rawValue | NFT_SET_CONSTANT.rawValue)
        batch.number(NFTA_SET_KEY_TYPE, NFTField.transport.typeNumber(family))
        batch.number(NFTA_SET_KEY_LEN, 1)
        batch.nested(NFTA_SET_DESC) {
            $0.number(NFTA_SET_DESC_SIZE, UInt32(transports.count))
        }
        batch.attribute(NFTA_SET_USERDATA.rawValue, NFTUserData.transports.bytes)
        begin(NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE)
        batch.text(NFTA_SET_ELEM_LIST_SET, NetlinkBatch.anonymousSet)
        batch.number(NFTA_SET_ELEM_LIST_SET_ID, setCount)
        batch.nested(NFTA_SET_ELEM_LIST_ELEMENTS) { batch in
            for transport in transports {
                batch.nested(NFTA_LIST_ELEM) { $0.data(NFTA_SET_ELEM_KEY, [transport.number]) }
            }
        }
        return setCount
    }

    /// Adds elements, which must be missing.
    mutating func add(_ elements: NFTElementRun, to set: NFTSetName, _ shape: NFTSetShape) {
        write(elements, NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE, set, shape)
    }

    /// Removes elements, which must exist; only their keys matter.
    mutating func remove(
        _ elements: NFTElementRun,
        from set: NFTSetName,
        _ shape: NFTSetShape
    ) {
        write(elements, NFT_MSG_DELSETELEM, flags: 0, set, shape)
    }

    /// A list of elements is one attribute, which has at most 64 KiB.
    private static let listLimit = 60000

    private mutating func write(
        _ elements: NFTElementRun,
        _ message: nf_tables_msg_types,
        flags: Int32,
        _ set: NFTSetName,
        _ shape: NFTSetShape
    ) {
        shapes[set.text] = shape
        let layout = NFTElementLayout(shape, family)
        let withData = message == NFT_MSG_NEWSETELEM
        var rest = elements
        while !rest.isEmpty {
            begin(message, flags: flags)
            batch.text(NFTA_SET_ELEM_LIST_SET, set.text)
            let list = batch.openNested(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)
            let start = batch.byteCount
            while batch.byteCount - start < Self.listLimit, let element = rest.popFirst() {
                batch.append(element, layout, withData: withData)
            }
            batch.closeNested(list)
        }
    }
}

extension NFTHook.Place {
    /// `enum nf_inet_hooks`.
    var number: UInt32 {
        switch self {
        case .prerouting: NF_INET_PRE_ROUTING.rawValue
        case .input: NF_INET_LOCAL_IN.rawValue
        case .forward: NF_INET_FORWARD.rawValue
        case .output: NF_INET_LOCAL_OUT.rawValue
        case .postrouting: NF_INET_POST_ROUTING.rawValue
        }
    }
}
