package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// The connected UDP sockets of one family in the network namespace of the thread that made this.
///
/// A namespace costs one pass of the kernel through its UDP sockets; only those that it is asked for are told.
package struct DatagramSockets: ~Copyable {
    private let family: IPFamily
    private var netlink: NetlinkSocket
    /// How many sockets the kernel has told of so far.
    package private(set) var told = 0

    /// - Throws: `.unsupported` without netlink's sock_diag.
    package init(_ family: IPFamily) throws(DataplaneError) {
        self.family = family
        netlink = try NetlinkSocket(NETLINK_SOCK_DIAG, name: "sock_diag")
    }

    /// Those with one of these peers.
    ///
    /// - Throws: `.unsupported` if the kernel does not tell UDP sockets (CONFIG_INET_UDP_DIAG).
    package mutating func list(
        peers: Set<SocketAddress>
    ) throws(DataplaneError) -> [DatagramSocket] {
        let filter = PeerFilter(peers)
        var found: [DatagramSocket] = []
        // Sockets with IPv4 addresses may be those of both protocol families.
        for protocolFamily in family == .ipv4 ? [AF_INET, AF_INET6] : [AF_INET6] {
            var batch = NetlinkBatch()
            batch.dumpConnected(UInt8(protocolFamily), filter)
            do throws(DataplaneError) {
                try netlink.request(&batch, unlessChanged: false) { message in
                    told += 1
                    guard let socket = DatagramSocket(message, family) else { return }
                    if peers.contains(socket.peer) { found.append(socket) }
                }
            } catch {
                guard error.errno == ENOENT else { throw error }
                throw error.explained(
                    as: .unsupported,
                    "the kernel does not list UDP sockets; it needs CONFIG_INET_UDP_DIAG (module udp_diag)"
                )
            }
        }
        return found
    }

    /// Ends sockets: a program that waits for one wakes and reads ECONNABORTED, and sending fails with EDESTADDRREQ, as
    /// the socket has no peer any more. Returns the refusals; a socket that is closed already is none.
    ///
    /// - Throws: `.unsupported` if the kernel cannot (CONFIG_INET_DIAG_DESTROY).
    package mutating func end(
        _ sockets: [DatagramSocket]
    ) throws(DataplaneError) -> [(socket: DatagramSocket, error: DataplaneError)] {
        if sockets.isEmpty { return [] }
        var batch = NetlinkBatch(reserving: 80 * sockets.count)
        for socket in sockets { batch.destroy(socket.protocolFamily, socket.identity) }
        let refusals = try netlink.transact(&batch).filter { $0.errno != ENOENT }
        if let refusal = refusals.first(where: { $0.errno == EOPNOTSUPP }) {
            throw Self.cannotEnd(refusal.errno)
        }
        return refusals.map { refusal in
            let socket = sockets[refusal.index]
            let subject = "UDP socket to \(socket.peer)"
            return (socket, .system("SOCK_DESTROY", subject, refusal.errno))
        }
    }

    /// Why this kernel cannot end UDP sockets; nil if it can.
    ///
    /// - Throws: if the question fails.
    package static func shortcoming() throws(DataplaneError) -> DataplaneError? {
        var netlink = try NetlinkSocket(NETLINK_SOCK_DIAG, name: "sock_diag")
        var batch = NetlinkBatch()
        // No socket is connected to port 0 of no address.
        let nobody = [UInt8](repeating: 0, count: MemoryLayout<inet_diag_sockid>.size)
        batch.destroy(UInt8(AF_INET), nobody)
        let refusal = try netlink.transact(&batch).first
        return refusal?.errno == EOPNOTSUPP ? cannotEnd(EOPNOTSUPP) : nil
    }

    private static func cannotEnd(_ number: Int32) -> DataplaneError {
        .system(
            "SOCK_DESTROY",
            "UDP sockets",
            number,
            kind: .unsupported,
            message:
                "the kernel does not end sockets of other programs; it needs CONFIG_INET_DIAG_DESTROY"
        )
    }
}
