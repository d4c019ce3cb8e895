import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import Netlink
import SystemCalls

/// Counts the changes that other programs make to our tables of both families.
///
/// The stores of a namespace share one: while any program listens, the kernel builds a notification for
/// each element written in any family, and keeps all of them until the transaction commits. Opens its
/// socket at its first use, in the namespace of the calling thread.
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

    /// Of the socket; nil while it does not listen.
    var descriptor: Int32? {
        switch socket {
        case .some(let socket): socket.descriptor
        case .none: nil
        }
    }

    /// Changes from this netlink port are our own.
    func ignore(port: UInt32) { ownPorts.insert(port) }

    /// Starts to listen, if it does not yet.
    func open() throws(DataplaneError) {
        guard socket == nil else { return }
        socket = try NetlinkSocket.listening(NETLINK_NETFILTER, to: [Self.group])
    }

    /// Stops listening until the next call of `changes`. Counts as one change, as any may be missed.
    func close() {
        guard socket != nil else { return }
        socket = nil
        missed()
    }

    /// Called as soon as a pause has begun. For tests, which let another program act then.
    package var didPause: () -> Void = {}

    /// Stops listening during a large change of our own. What has arrived stays to be received.
    func pause() throws(DataplaneError) {
        try socket?.listen(Self.group, false)
        didPause()
    }

    func resume() throws(DataplaneError) { try socket?.listen(Self.group, true) }

    /// Counts a change of both tables, as there may have been one without a notification.
    func missed() {
        for family in IPFamily.allCases { counts[family, default: 0] += 1 }
    }

    /// How often other programs changed our table of the family since the first call. Lost notifications
    /// count as a change, as they may have been about one.
    func changes(of family: IPFamily) throws(DataplaneError) -> Int {
        try open()
        while try socket?.receiveNotifications({ count($0) }) == false { missed() }
        return counts[family] ?? 0
    }

    /// Takes in one notification.
    func count(_ message: NetlinkMessage) {
        guard !ownPorts.contains(message.port), let family = message.family(ofTable: table) else {
            return
        }
        counts[family, default: 0] += 1
    }
}

extension NetlinkMessage {
    /// The family whose table of that name the notification is about; nil for other notifications.
    fileprivate func family(ofTable table: String) -> IPFamily? {
        guard type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES),
            type & 0xff != UInt16(NFT_MSG_NEWGEN.rawValue),
            // The attribute of the table's name is the first of every message's.
            attributes.text(NFTA_TABLE_NAME) == table
        else { return nil }
        return IPFamily(protocolFamily: payload.number(UInt8.self))
    }
}
