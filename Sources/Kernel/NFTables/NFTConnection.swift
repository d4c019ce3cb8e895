package import Addressing
package import CNetlink
package import DataplaneModel
import Glibc
package import Netlink

/// A socket for nf_tables and one family, in the network namespace of the thread that opened it.
package final class NFTConnection {
    let family: IPFamily
    private var socket: NetlinkSocket

    /// Messages sent so far, and the sends they took.
    var messageCount: Int { socket.traffic.messages }
    package var sendCount: Int { socket.traffic.sends }
    /// What transactions have taken so far.
    var transactionTimes: SendTimes { socket.traffic.transactionTimes }

    package init(_ family: IPFamily) throws(DataplaneError) {
        self.family = family
        socket = try NetlinkSocket(NETLINK_NETFILTER, name: "nf_tables")
    }

    /// The port number in notifications of what this connection changes.
    var port: UInt32 { socket.port }

    // MARK: - Reading

    /// A number that each transaction in the namespace, by any program, increases by one.
    package func generation() throws(DataplaneError) -> UInt32 {
        let answers = try ask(NFT_MSG_GETGEN, "generation")
        return answers.lazy.compactMap { $0.attributes.number(NFTA_GEN_ID) }.first ?? 0
    }

    /// The flags of a table; nil if there is no such table.
    func flags(of table: String) throws(DataplaneError) -> UInt32? {
        do throws(DataplaneError) {
            let answers = try ask(NFT_MSG_GETTABLE, "table") { $0.text(NFTA_TABLE_NAME, table) }
            return answers.first?.attributes.number(NFTA_TABLE_FLAGS) ?? 0
        } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
    }

    /// All messages of a dump of a table's objects; `chain` limits a dump of rules.
    ///
    /// A change of any table makes the kernel report an interrupted dump, which is ignored here; changes
    /// of our own table are noticed by a monitor.
    ///
    /// - Throws: `.notFound` if the table or set is gone; `.unsupported` if the kernel has no nftables.
    package func dump(
        _ message: nf_tables_msg_types,
        table: String,
        set: String? = nil,
        chain: String? = nil
    ) throws(DataplaneError) -> [NetlinkMessage] {
        var answers: [NetlinkMessage] = []
        try dump(message, table: table, set: set, chain: chain) { answers.append($0) }
        return answers
    }

    /// The same, with each message handed over as it arrives.
    func dump(
        _ message: nf_tables_msg_types,
        table: String,
        set: String? = nil,
        chain: String? = nil,
        _ body: (NetlinkMessage) -> Void
    ) throws(DataplaneError) {
        var batch = NetlinkBatch()
        batch.begin(message, family, flags: UInt16(NLM_F_DUMP))
        // The attribute of the table's name is the first of every message's.
        batch.text(NFTA_TABLE_NAME, table)
        if let chain { batch.text(NFTA_RULE_CHAIN, chain) }
        if let set { batch.text(NFTA_SET_ELEM_LIST_SET, set) }
        do throws(DataplaneError) {
            try socket.request(&batch, unlessChanged: false) { (answer) throws(DataplaneError) in
                body(answer)
            }
        } catch {
            throw self.error(message, set.map { "set \($0)" } ?? "table", error)
        }
    }

    /// The chains of all tables of the family: the kernel cannot limit their dump to a table, and may
    /// leave some out if it is interrupted.
    ///
    /// - Throws: `.conflict` if each of many attempts was interrupted.
    package func chains() throws(DataplaneError) -> [NetlinkMessage] {
        try ask(NFT_MSG_GETCHAIN, "chains", isDump: true, attempts: 20)
    }

    private func ask(
        _ message: nf_tables_msg_types,
        _ subject: String,
        isDump: Bool = false,
        attempts: Int = 1,
        _ attributes: (inout NetlinkBatch) -> Void = { _ in }
    ) throws(DataplaneError) -> [NetlinkMessage] {
        var batch = NetlinkBatch()
        batch.begin(message, family, flags: isDump ? UInt16(NLM_F_DUMP) : 0)
        attributes(&batch)
        do throws(DataplaneError) {
            return try socket.request(&batch, attempts: attempts)
        } catch {
            throw self.error(message, subject, error)
        }
    }

    private func error(
        _ message: nf_tables_msg_types,
        _ subject: String,
        _ error: DataplaneError
    ) -> DataplaneError {
        .nftables(message.name, "\(family.rawValue) nftables \(subject)", error)
    }

    // MARK: - Changing

    /// Carries out all of a transaction or, if anything is refused, nothing; returns the refusals.
    package func commit(
        _ transaction: inout NFTTransaction
    ) throws(DataplaneError) -> [NetlinkSocket.Refusal] {
        transaction.end()
        return try socket.commit(&transaction.batch)
    }

    /// Returns when the transaction that the kernel is carrying out, of whatever program, is finished and its
    /// notifications are sent. Does not raise the generation.
    ///
    /// - Throws: the error of `send`.
    package func awaitCommit() throws(DataplaneError) {
        var batch = NetlinkBatch()
        batch.beginTransaction()
        batch.endTransaction()
        try socket.commitNothing(&batch)
    }

    /// Lets the kernel check a transaction, which it discards as it has no end; returns what it would
    /// have refused.
    package func rehearse(
        _ transaction: inout NFTTransaction
    ) throws(DataplaneError) -> [NetlinkSocket.Refusal] {
        try socket.commit(&transaction.batch, hasEnd: false)
    }
}
