package import Addressing
import CNetlink
import Glibc
import Netlink

/// A connected UDP socket, as the kernel reports it.
package struct DatagramSocket: Sendable {
    /// The address that the socket itself has for its peer.
    package var peer: SocketAddress
    /// What a BPF map of socket storage holds for this socket.
    package var storage: [UInt8]
    /// `AF_INET6` also for a socket with IPv4 addresses (::ffff:a.b.c.d).
    var protocolFamily: UInt8
    /// `struct inet_diag_sockid` as received; with the cookie, which no other socket ever has.
    var identity: [UInt8]

    /// Nil without storage in the map, and if the peer is of the other family.
    init?(_ message: NetlinkMessage, _ family: IPFamily) {
        let payload = message.payload
        protocolFamily = payload.number(UInt8.self)
        identity =
            NetlinkBytes(
                payload.storage,
                (payload.range.lowerBound + Self.head)..<(payload.range.lowerBound + Self.head
                    + MemoryLayout<inet_diag_sockid>.size)
            ).array
        let size = MemoryLayout<inet_diag_msg>.size
        guard let storages = payload.dropFirst(size).attribute(INET_DIAG_SK_BPF_STORAGES),
            let first = storages.attribute(SK_DIAG_BPF_STORAGE),
            let value = first.attribute(SK_DIAG_BPF_STORAGE_MAP_VALUE),
            let peer = Self.peer(payload.dropFirst(Self.head), protocolFamily, family)
        else { return nil }
        self.peer = peer
        storage = value.array
    }

    /// The bytes before the identity.
    private static let head = 4

    private static func peer(
        _ identity: NetlinkBytes,
        _ protocolFamily: UInt8,
        _ family: IPFamily
    ) -> SocketAddress? {
        guard let port = PortNumber(Int(identity.network(2, at: 2))) else { return nil }
        let first = identity.network(4, at: 20)
        if protocolFamily == UInt8(AF_INET) {
            return family == .ipv4
                ? SocketAddress(IPAddress(family: .ipv4, bits: first), port) : nil
        }
        let bits = identity.network(16, at: 20)
        let isMapped = bits >> 32 == 0xffff
        guard isMapped == (family == .ipv4) else { return nil }
        let address = IPAddress(family: family, bits: isMapped ? bits & 0xffff_ffff : bits)
        return SocketAddress(address, port)
    }
}
