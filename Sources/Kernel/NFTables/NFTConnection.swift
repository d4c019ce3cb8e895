package import Addressing
package import CNetlink
package import DataplaneModel
import Glibc
package import Netlink

/// A conversation with nf_tables about our table of one family, in the network namespace of the
/// thread that began it.
package final class NFTConnection {
    let family: IPFamily
    private var socket: NetlinkSocket

    /// Messages sent so far, and the sends they took.
    var messageCount: Int { socket.traffic.messages }
    var sendCount: Int { socket.traffic.sends }

    package init(_ family: IPFamily) throws(DataplaneError) {
        self.family = family
        let opened = try NetlinkSocket(NETLINK_NETFILTER, name: "nf_tables")
        // Else the kernel gives it its number with the first message.
        try opened.bind()
        socket = consume opened
    }

    /// The number that notifications of what this connection does bear.
    func port() throws(DataplaneError) -> UInt32 { try socket.port() }

    // MARK: - Reading

    /// A number that each transaction of the namespace advances by one, whosever it is.
    package func generation() throws(DataplaneError) -> UInt32 {
        let answers = try ask(NFT_MSG_GETGEN, "generation")
        return answers.lazy.compactMap { $0.attributes.number(NFTA_GEN_ID) }.first ?? 0
    }

    /// The flags of a table; nil if there is none.
    func flags(of table: String) throws(DataplaneError) -> UInt32? {
        do throws(DataplaneError) {
            let answers = try ask(NFT_MSG_GETTABLE, "table") { $0.text(NFTA_TABLE_NAME, table) }
            return answers.first?.attributes.number(NFTA_TABLE_FLAGS) ?? 0
        } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
    }

    /// All messages of a dump of what is in a table; `chain` limits a
    /// dump of rules.
    ///
    /// It does not matter that somebody changes other tables meanwhile, though the kernel calls it
    /// an interruption; whether ours was changed is for a monitor to tell.
    package func dump(
        _ message: nf_tables_msg_types,
        table: String,
        set: String? = nil,
        chain: String? = nil
    ) throws(DataplaneError) -> [NetlinkMessage] {
        let subject = set.map { "set \($0)" } ?? "table"
        return try ask(message, subject, isDump: true, unlessChanged: false) { batch in
            // The attribute of the table's name is the first of every message's.
            batch.text(NFTA_TABLE_NAME, table)
            if let chain { batch.text(NFTA_RULE_CHAIN, chain) }
            if let set { batch.text(NFTA_SET_ELEM_LIST_SET, set) }
        }
    }

    /// The chains of all tables of the family: the kernel gives them only together, and then may
    /// leave some out if it is interrupted. `.conflict` if it is time and again.
    package func chains() throws(DataplaneError) -> [NetlinkMessage] {
        try ask(NFT_MSG_GETCHAIN, "chains", isDump: true, attempts: 20)
    }

    private func ask(
        _ message: nf_tables_msg_types,
        _ subject: String,
        isDump: Bool = false,
        unlessChanged: Bool = true,
        attempts: Int = 1,
        _ attributes: (inout NetlinkBatch) -> Void = { _ in }
    ) throws(DataplaneError) -> [NetlinkMessage] {
        var batch = NetlinkBatch()
        batch.begin(message, family, flags: isDump ? UInt16(NLM_F_DUMP) : 0)
        attributes(&batch)
        do throws(DataplaneError) {
            return try socket.request(&batch, unlessChanged: unlessChanged, attempts: attempts)
        } catch {
            throw .nftables(message.name, "\(family.rawValue) nftables \(subject)", error)
        }
    }

    // MARK: - Changing

    /// Carries out all of a transaction, or nothing, and returns what was refused.
    package func commit(
        _ transaction: inout NFTTransaction
    ) throws(DataplaneError) -> [NetlinkSocket.Refusal] {
        transaction.end()
        return try socket.commit(&transaction.batch)
    }

    /// Lets the kernel look at a transaction that it then drops, having no end, and returns what it
    /// would have refused.
    package func rehearse(
        _ transaction: inout NFTTransaction
    ) throws(DataplaneError) -> [NetlinkSocket.Refusal] {
        try socket.commit(&transaction.batch, hasEnd: false)
    }
}
