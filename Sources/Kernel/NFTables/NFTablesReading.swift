import Addressing
import CIPTables
import CNetlink
import DataplaneModel
import Glibc
import Netlink

/// Reads a table.
struct NFTablesReading {
    private let connection: NFTConnection
    private let table: String
    private var family: IPFamily { connection.family }

    init(_ connection: NFTConnection, table: String) {
        self.connection = connection
        self.table = table
    }

    /// The table. Its parts are of different times if another program changes it meanwhile. Elements that are those
    /// of the same set in `plan` are the plan's own.
    ///
    /// - Throws: `.notFound` if a set is deleted meanwhile; `.unsupported` if the kernel has no nftables.
    func state(expecting plan: NFTablesState) throws(DataplaneError) -> NFTablesState {
        guard let flags = try connection.flags(of: table) else { return NFTablesState() }
        var state = NFTablesState(table: flags == 0 ? .active : .altered)
        let headers = try headers()
        for header in headers where !header.isAnonymous {
            let set = try set(header, plan.sets[NFTSetName(header.name)])
            state.sets[set.name] = set
        }
        state.chains = try chains()
        try readRules(headers, into: &state.chains)
        return state
    }

    private func headers() throws(DataplaneError) -> [NFTSetHeader] {
        try connection.dump(NFT_MSG_GETSET, table: table)
            .compactMap { NFTSetHeader($0, family, table: table) }
    }

    private func set(
        _ header: NFTSetHeader,
        _ planned: NFTSet?
    ) throws(DataplaneError) -> NFTSet {
        var set = header.set
        guard let shape = header.shape, !shape.isDynamic else { return set }
        var reader = NFTElementReader(shape, family, expecting: planned?.elements)
        try forEachAnswer(header) { reader.read($0) }
        set.elements = reader.elements
        set.isOpaque = reader.hasOpaque
        return set
    }

    /// The counters of elements, of all sets with counters; empty if there is no table.
    func counts() throws(DataplaneError) -> [NFTSetName: [NFTValue: NFTCount]] {
        guard try connection.flags(of: table) != nil else { return [:] }
        let headers = try headers()
        var counts: [NFTSetName: [NFTValue: NFTCount]] = [:]
        for header in headers {
            guard let shape = header.shape, shape.countsPackets else { continue }
            var reader = NFTCountReader(shape, family)
            try forEachAnswer(header) { reader.read($0) }
            counts[NFTSetName(header.name)] = reader.counts
        }
        return counts
    }

    /// Calls `body` with each part of a set's elements.
    private func forEachAnswer(
        _ header: NFTSetHeader,
        _ body: (NetlinkMessage) -> Void
    ) throws(DataplaneError) {
        try connection.dump(NFT_MSG_GETSETELEM, table: table, set: header.name, body)
    }

    // MARK: - Chains

    private func chains() throws(DataplaneError) -> [NFTChainName: NFTChain] {
        var chains: [NFTChainName: NFTChain] = [:]
        for message in try connection.chains() {
            guard let chain = Self.chain(message.attributes, table: table) else { continue }
            chains[chain.name] = chain
        }
        return chains
    }

    /// The chain of a message, without rules; nil if it is none of the table's.
    static func chain(_ attributes: NetlinkBytes, table: String) -> NFTChain? {
        guard attributes.text(NFTA_CHAIN_TABLE) == table,
            let name = attributes.text(NFTA_CHAIN_NAME)
        else { return nil }
        // The chain of a rule that has one in braces belongs to that rule.
        let flags = attributes.number(NFTA_CHAIN_FLAGS) ?? 0
        if flags & NFT_CHAIN_BINDING.rawValue != 0 { return nil }
        return NFTChain(NFTChainName(name), hook: hook(attributes), rules: [])
    }

    /// Nil if the chain has none. A hook that the model cannot express differs from any planned one.
    private static func hook(_ attributes: NetlinkBytes) -> NFTHook? {
        guard let hook = attributes.attribute(NFTA_CHAIN_HOOK),
            let number = hook.number(NFTA_HOOK_HOOKNUM),
            let place = NFTHook.Place.allCases.first(where: { $0.number == number })
        else { return nil }
        let kind = attributes.text(NFTA_CHAIN_TYPE).flatMap { NFTHook.Kind(rawValue: $0) }
        return NFTHook(
            kind ?? .route,
            place,
            priority: Int32(bitPattern: hook.number(NFTA_HOOK_PRIORITY) ?? 0),
            dropsByDefault: attributes.number(NFTA_CHAIN_POLICY) == UInt32(NF_DROP)
        )
    }

    private func readRules(
        _ headers: [NFTSetHeader],
        into chains: inout [NFTChainName: NFTChain]
    ) throws(DataplaneError) {
        var reader = NFTRuleReader(
            family,
            shapes: shapes(headers),
            transports: try transports(headers)
        )
        for message in try connection.dump(NFT_MSG_GETRULE, table: table) {
            let attributes = message.attributes
            guard attributes.text(NFTA_RULE_TABLE) == table,
                let chain = attributes.text(NFTA_RULE_CHAIN)
            else { continue }
            let none = NetlinkBytes([], 0..<0)
            let rule = reader.rule(attributes.attribute(NFTA_RULE_EXPRESSIONS) ?? none)
            chains[NFTChainName(chain)]?.rules.append(rule)
        }
    }

    private func shapes(_ headers: [NFTSetHeader]) -> [String: NFTSetShape] {
        var shapes: [String: NFTSetShape] = [:]
        for header in headers where !header.isAnonymous { shapes[header.name] = header.shape }
        return shapes
    }

    /// The protocols in the anonymous sets of rules.
    private func transports(
        _ headers: [NFTSetHeader]
    ) throws(DataplaneError) -> [String: [TransportProtocol]] {
        var found: [String: [TransportProtocol]] = [:]
        for header in headers where header.holdsTransports {
            var reader = NFTElementReader(NFTSetShape([.transport]), family)
            try forEachAnswer(header) { reader.read($0) }
            let numbers = reader.elements.keys.sorted().map { UInt8($0.bits(at: 0, width: 8)) }
            let known = numbers.compactMap { TransportProtocol(number: $0) }
            guard known.count == numbers.count, !reader.hasOpaque else { continue }
            found[header.name] = known
        }
        return found
    }
}
