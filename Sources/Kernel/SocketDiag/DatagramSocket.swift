package import Addressing
import CNetlink
import Glibc
import Netlink

/// A connected UDP socket, as the kernel reports it.
package struct DatagramSocket: Sendable {
    /// The address that the socket itself has for its peer.
    package var peer: SocketAddress
    /// No other socket ever has it. Programs get it by `bpf_get_socket_cookie`.
    package var cookie: UInt64
    /// `AF_INET6` also for a socket with IPv4 addresses (::ffff:a.b.c.d).
    var protocolFamily: UInt8
    /// `struct inet_diag_sockid` as received, with the cookie.
    var identity: [UInt8]

    /// Nil if the peer is of the other family, or the message ends before the cookie does.
    init?(_ message: NetlinkMessage, _ family: IPFamily) {
        protocolFamily = message.payload.number(UInt8.self)
        // Behind four bytes of `struct inet_diag_msg`.
        let identity = message.payload.dropFirst(4)
        guard identity.count >= MemoryLayout<inet_diag_sockid>.size else { return nil }
        guard let peer = Self.peer(identity, protocolFamily, family) else { return nil }
        self.peer = peer
        let halves = [40, 44].map { UInt64(identity.number(UInt32.self, at: $0)) }
        cookie = halves[1] << 32 | halves[0]
        self.identity = Array(identity.array.prefix(MemoryLayout<inet_diag_sockid>.size))
    }

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
