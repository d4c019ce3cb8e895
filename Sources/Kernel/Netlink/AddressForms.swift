package import Addressing
import Glibc

extension IPFamily {
    /// `AF_INET` or `AF_INET6`, which netfilter calls `NFPROTO_IPV4` and `NFPROTO_IPV6`.
    package var protocolFamily: UInt8 { UInt8(self == .ipv4 ? AF_INET : AF_INET6) }

    /// Nil for numbers other than `AF_INET` and `AF_INET6`.
    package init?(protocolFamily: some BinaryInteger) {
        let found = IPFamily.allCases.first { $0.protocolFamily == protocolFamily }
        guard let found else { return nil }
        self = found
    }
}

extension SocketAddress {
    /// From a `union nf_inet_addr`; nil without an address, or for port 0.
    package init?(_ family: IPFamily, _ address: NetlinkBytes?, _ port: UInt128) {
        guard let address, let port = PortNumber(Int(port)) else { return nil }
        let bits = address.network(family == .ipv4 ? 4 : 16)
        self.init(IPAddress(family: family, bits: bits), port)
    }
}
