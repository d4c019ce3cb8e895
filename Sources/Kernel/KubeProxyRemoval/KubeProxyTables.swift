import Addressing
import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import NFTables
import Netlink

/// kube-proxy's objects in nftables in one family: its own table, and its chains in the tables of
/// iptables-nft, with the rules of base chains that jump to them, whatever those match.
struct KubeProxyTables {
    /// An object; the cases are in the order of removal.
    enum Object: Hashable {
        /// The rule with this handle in a base chain.
        case jump(table: String, chain: String, handle: UInt64, target: String)
        case rules(table: String, chain: String)
        case chain(table: String, chain: String)
        case table(String)
    }

    private(set) var objects: [Object] = []

    /// The tables of iptables-nft that kube-proxy writes to.
    private static let compatTables: Set = ["filter", "nat", "mangle"]

    /// Without objects if the kernel has no nftables.
    static func observe(_ family: IPFamily) throws(DataplaneError) -> KubeProxyTables {
        let names = try NFTablesTables.names([family]).map(\.name)
        var found = KubeProxyTables()
        if names.contains(where: compatTables.contains) {
            found.objects = try compatObjects(NFTConnection(family))
        }
        if names.contains(KubeProxyNames.table) {
            found.objects.append(.table(KubeProxyNames.table))
        }
        return found
    }

    private static func compatObjects(
        _ connection: NFTConnection
    ) throws(DataplaneError) -> [Object] {
        var jumps: [Object] = []
        var rules: [Object] = []
        var chains: [Object] = []
        for message in try connection.chains() {
            let attributes = message.attributes
            guard let table = attributes.text(NFTA_CHAIN_TABLE), compatTables.contains(table),
                let chain = attributes.text(NFTA_CHAIN_NAME)
            else { continue }
            if KubeProxyNames.owns(chain: chain) {
                rules.append(.rules(table: table, chain: chain))
                chains.append(.chain(table: table, chain: chain))
            } else if attributes.attribute(NFTA_CHAIN_HOOK) != nil {
                jumps += try self.jumps(in: chain, of: table, connection)
            }
        }
        return jumps + rules + chains
    }

    private static func jumps(
        in chain: String,
        of table: String,
        _ connection: NFTConnection
    ) throws(DataplaneError) -> [Object] {
        let messages = try connection.dump(
            NFT_MSG_GETRULE,
            table: table,
            chain: chain
        )
        return messages.compactMap { message in
            let attributes = message.attributes
            // Kernels may ignore the limit to a chain.
            guard attributes.text(NFTA_RULE_TABLE) == table,
                attributes.text(NFTA_RULE_CHAIN) == chain,
                let handle = attributes.long(NFTA_RULE_HANDLE),
                let target = attributes.attribute(NFTA_RULE_EXPRESSIONS)?.jumpTarget,
                KubeProxyNames.owns(chain: target)
            else { return nil }
            return .jump(table: table, chain: chain, handle: handle, target: target)
        }
    }

    // MARK: - Removing

    /// How often removal is tried while other programs change the tables.
    private static let attempts = 5

    /// Removes all objects in one transaction. A chain to which a foreign rule jumps is emptied and left,
    /// and reported in `failures`.
    ///
    /// - Throws: the kernel's refusal if there is another reason for it.
    func remove(_ family: IPFamily) throws(DataplaneError) -> ApplyReport {
        var report = ApplyReport()
        var present = self
        for attempt in 1...Self.attempts where !present.objects.isEmpty {
            let refused = try present.commit(family)
            let busy = Set(refused.filter { $0.error.errno == EBUSY }.map(\.object))
            if refused.isEmpty {
                report.operations = present.objects.count { !$0.isContent }
                return report
            }
            report.conflicts += 1
            if let other = refused.first(where: { ![EBUSY, ENOENT].contains($0.error.errno) }) {
                throw other.error
            }
            guard attempt < Self.attempts else { throw refused[0].error }
            report.failures += refused.filter { busy.contains($0.object) }.map(\.error)
            let kept = Set(report.failures.map(\.subject))
            present = try Self.observe(family)
            present.objects.removeAll { $0.isDeletion && kept.contains($0.subject(family)) }
        }
        return report
    }

    private func commit(
        _ family: IPFamily
    ) throws(DataplaneError) -> [(object: Object, error: DataplaneError)] {
        var transaction = NFTTransaction(
            family,
            KubeProxyNames.table,
            reserving: 96 * objects.count + 4096
        )
        for object in objects { object.appendRemoval(to: &transaction.batch, family) }
        return try NFTConnection(family).commit(&transaction).map { refusal in
            // The first message begins the transaction.
            let object = objects[min(max(refusal.index - 1, 0), objects.count - 1)]
            var error = DataplaneError.system(
                "remove",
                object.subject(family),
                refusal.errno
            )
            if refusal.errno == EBUSY {
                error.kind = .other
                error.message =
                    "a rule that is not kube-proxy's still jumps to this chain, which stays, but empty"
            }
            return (object, error)
        }
    }
}

extension KubeProxyTables.Object {
    /// The rules of a chain, which are not counted or listed apart from it.
    fileprivate var isContent: Bool { if case .rules = self { true } else { false } }

    fileprivate var isDeletion: Bool { if case .chain = self { true } else { false } }

    func subject(_ family: IPFamily) -> String {
        let place = "\(family.rawValue) nftables table"
        return switch self {
        case .jump(let table, let chain, _, let target):
            "\(place) \(table), rule of \(chain) to \(target)"
        case .rules(let table, let chain): "\(place) \(table), rules of \(chain)"
        case .chain(let table, let chain): "\(place) \(table), chain \(chain)"
        case .table(let table): "\(place) \(table)"
        }
    }

    fileprivate func appendRemoval(to batch: inout NetlinkBatch, _ family: IPFamily) {
        switch self {
        case .jump(let table, let chain, let handle, _):
            batch.begin(NFT_MSG_DELRULE, family)
            batch.text(NFTA_RULE_TABLE, table)
            batch.text(NFTA_RULE_CHAIN, chain)
            batch.number(NFTA_RULE_HANDLE, long: handle)
        case .rules(let table, let chain):
            batch.begin(NFT_MSG_DELRULE, family)
            batch.text(NFTA_RULE_TABLE, table)
            batch.text(NFTA_RULE_CHAIN, chain)
        case .chain(let table, let chain):
            batch.begin(NFT_MSG_DELCHAIN, family)
            batch.text(NFTA_CHAIN_TABLE, table)
            batch.text(NFTA_CHAIN_NAME, chain)
        case .table(let table):
            batch.begin(NFT_MSG_DELTABLE, family)
            batch.text(NFTA_TABLE_NAME, table)
        }
    }
}

extension NetlinkBytes {
    /// The chain to which a rule with these expressions jumps or goes; nil if it does not.
    fileprivate var jumpTarget: String? {
        var target: String?
        forEachAttribute { _, expression in
            guard expression.text(NFTA_EXPR_NAME) == "immediate" else { return }
            let verdict = expression.attribute(NFTA_EXPR_DATA)?
                .attribute(NFTA_IMMEDIATE_DATA)?.attribute(NFTA_DATA_VERDICT)
            if let chain = verdict?.text(NFTA_VERDICT_CHAIN) { target = chain }
        }
        return target
    }
}
