package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// Connections of programs in the network namespace of the calling thread that have one address at both ends, as the
/// kernel gives a connection to an address of this host its destination as its source.
package enum LocalConnections {
    /// `TCP_ESTABLISHED`, `TCP_SYN_SENT`, `TCP_SYN_RECV`, `TCP_FIN_WAIT1`, `TCP_FIN_WAIT2` and `TCP_CLOSE_WAIT`, as
    /// bits: something may still come.
    private static let open: UInt32 = [1, 2, 3, 4, 5, 8].reduce(0) { $0 | 1 << UInt32($1) }

    /// Those addresses, of TCP connections that are not over and of connected UDP sockets. The kernel goes through all
    /// sockets of the namespace, and tells of each.
    ///
    /// - Throws: `.unsupported` if the kernel does not list sockets (CONFIG_INET_DIAG, CONFIG_INET_UDP_DIAG).
    package static func addresses(_ family: IPFamily) throws(DataplaneError) -> Set<IPAddress> {
        var netlink = try NetlinkSocket(NETLINK_SOCK_DIAG, name: "sock_diag")
        var found: Set<IPAddress> = []
        // Sockets with IPv4 addresses may be those of both protocol families.
        for protocolFamily in family == .ipv4 ? [AF_INET, AF_INET6] : [AF_INET6] {
            for (transport, states) in [(IPPROTO_TCP, open), (IPPROTO_UDP, 1 << 1)] {
                var batch = NetlinkBatch()
                batch.begin(UInt16(SOCK_DIAG_BY_FAMILY), flags: UInt16(NLM_F_DUMP))
                batch.append([UInt8(protocolFamily), UInt8(transport), 0, 0])
                batch.append(states)
                batch.append([UInt8](repeating: 0, count: MemoryLayout<inet_diag_sockid>.size))
                do throws(DataplaneError) {
                    try netlink.request(&batch, unlessChanged: false) { message in
                        if let address = address(message, family) { found.insert(address) }
                    }
                } catch {
                    guard error.errno == ENOENT else { throw error }
                    throw error.explained(
                        as: .unsupported,
                        "the kernel does not list sockets; it needs CONFIG_INET_DIAG and CONFIG_INET_UDP_DIAG"
                    )
                }
            }
        }
        return found
    }

    /// The address at both ends of a socket in a `struct inet_diag_msg`; nil if there are two, or they are of the
    /// other family.
    static func address(_ message: NetlinkMessage, _ family: IPFamily) -> IPAddress? {
        // Behind the states and the ports.
        let addresses = message.payload.dropFirst(8)
        guard addresses.count >= 32 else { return nil }
        if message.payload.number(UInt8.self) == UInt8(AF_INET) {
            let own = addresses.network(4)
            guard family == .ipv4, own == addresses.network(4, at: 16) else { return nil }
            return IPAddress(family: .ipv4, bits: own)
        }
        let own = addresses.network(16)
        let isMapped = own >> 32 == 0xffff
        guard isMapped == (family == .ipv4), own == addresses.network(16, at: 16) else {
            return nil
        }
        return IPAddress(family: family, bits: isMapped ? own & 0xffff_ffff : own)
    }
}
