package import Addressing
import Glibc

extension IPFamily {
    /// `NFPROTO_IPV4` or `NFPROTO_IPV6`, the table families `ip` and `ip6`.
    package var protocolFamily: UInt8 { UInt8(self == .ipv4 ? AF_INET : AF_INET6) }

    /// `AF_INET` or `AF_INET6`.
    package var addressFamily: UInt16 { UInt16(self == .ipv4 ? AF_INET : AF_INET6) }

    package init?(addressFamily: UInt16) {
        switch Int32(addressFamily) {
        case AF_INET: self = .ipv4
        case AF_INET6: self = .ipv6
        default: return nil
        }
    }
}

extension SocketAddress {
    /// From a `union nf_inet_addr`; nil without address or port.
    package init?(_ family: IPFamily, _ address: NetlinkBytes?, _ port: UInt128) {
        guard let address, let port = PortNumber(Int(port)) else { return nil }
        let bits = address.network(family == .ipv4 ? 4 : 16)
        self.init(IPAddress(family: family, bits: bits), port)
    }
}
