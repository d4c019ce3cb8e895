import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import Netlink

/// Counts the changes that other programs make to our tables of both families.
///
/// One for all stores of a namespace: while anybody listens, the kernel builds a notification for
/// each element that is written, of whichever family, and holds all of them until the transaction
/// commits. Opens its socket when it is first asked, in the namespace of the calling thread.
package final class NFTMonitor {
    private var socket: NetlinkSocket?
    /// Netlink ports of our own connections.
    private var ownPorts: Set<UInt32> = []
    private var counts: [IPFamily: Int] = [:]
    private static let group = UInt32(NFNLGRP_NFTABLES.rawValue)

    private let table: String

    /// Listens to nothing yet.
    package init(ownership: Ownership = .fairlead) { table = ownership.table }

    var isListening: Bool { socket != nil }

    /// What comes from this netlink port is our own doing.
    func disregard(port: UInt32) { ownPorts.insert(port) }

    /// Listens from here on, if it does not already.
    func open() throws(DataplaneError) {
        guard socket == nil else { return }
        socket = try NetlinkSocket.listening(NETLINK_NETFILTER, to: [Self.group])
    }

    /// Listens no more, until it is asked again: what happens until then counts as a change.
    func close() {
        guard socket != nil else { return }
        socket = nil
        missed()
    }

    /// Leaves the group while much of our own is written.
    func pause() throws(DataplaneError) { try socket?.listen(Self.group, false) }

    func resume() throws(DataplaneError) { try socket?.listen(Self.group, true) }

    /// Somebody else may have changed either table without being heard.
    func missed() {
        for family in IPFamily.allCases { counts[family, default: 0] += 1 }
    }

    /// How often other programs changed our table of the family since the first call. If more
    /// happened than the kernel keeps for us, they may have, so then it counts.
    func changes(of family: IPFamily) throws(DataplaneError) -> Int {
        try open()
        while try socket?.receiveNotifications({ count($0) }) == false { missed() }
        return counts[family] ?? 0
    }

    private func count(_ message: NetlinkMessage) {
        guard !ownPorts.contains(message.port), let family = message.family(ofTable: table) else {
            return
        }
        counts[family, default: 0] += 1
    }
}

extension NetlinkMessage {
    /// The family of the table that the notification is about; nil if it is about anything else.
    fileprivate func family(ofTable table: String) -> IPFamily? {
        guard type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES),
            type & 0xff != UInt16(NFT_MSG_NEWGEN.rawValue),
            // The attribute of the table's name is the first of every message's.
            attributes.text(NFTA_TABLE_NAME) == table
        else { return nil }
        return IPFamily(protocolFamily: payload.number(UInt8.self))
    }
}
