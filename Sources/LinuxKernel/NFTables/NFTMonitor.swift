import Addressing
import CNetlink
import DataplaneModel
import Glibc

/// Hears of changes to our table of one family, whoever makes them.
final class NFTMonitor {
    private let family: IPFamily
    private var socket: NetlinkSocket
    private static let group = UInt32(NFNLGRP_NFTABLES.rawValue)

    /// Listens from here on.
    init(_ family: IPFamily) throws(DataplaneError) {
        self.family = family
        let socket = try NetlinkSocket(NETLINK_NETFILTER, name: "nf_tables notifications")
        try socket.bind()
        try socket.listen(Self.group, true)
        self.socket = socket
    }

    /// The kernel tells of each element; so while many of our own are written it is cheaper not to
    /// be told.
    func pause() throws(DataplaneError) { try socket.listen(Self.group, false) }

    func resume() throws(DataplaneError) { try socket.listen(Self.group, true) }

    /// Whether anyone but the socket of number `ownPort` changed our table since the last call. If
    /// more happened than the kernel keeps for us, somebody may have, so then it is true.
    func hasHeardOthers(than ownPort: UInt32?) throws(DataplaneError) -> Bool {
        var heard = false
        while true {
            do throws(DataplaneError) {
                guard let messages = try socket.receive(flags: Int32(MSG_DONTWAIT)) else {
                    return heard
                }
                for message in messages where isAboutOurTable(message) {
                    if message.port != ownPort { heard = true }
                }
            } catch {
                guard error.errno == ENOBUFS else { throw error }
                heard = true
            }
        }
    }

    private func isAboutOurTable(_ message: NetlinkMessage) -> Bool {
        message.type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES)
            && message.type & 0xff != UInt16(NFT_MSG_NEWGEN.rawValue)
            && message.payload.number(UInt8.self) == family.protocolFamily
            // The attribute of the table's name is the first of every message's.
            && message.payload.dropFirst(4).text(NFTA_TABLE_NAME) == NFTablesState.table
    }
}
