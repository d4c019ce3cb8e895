import Addressing
import CNetlink
import DataplaneModel
import Glibc
import Netlink

// Messages of the routing protocol, each with its fixed header. Numbers are in host order,
// addresses in network order.
extension NetlinkBatch {
    /// About a link, by its number or, with 0, by the name that follows (struct ifinfomsg). `up`
    /// sets it up.
    mutating func beginLink(
        _ type: some BinaryInteger,
        index: UInt32 = 0,
        up: Bool = false,
        flags: UInt16 = 0
    ) {
        begin(UInt16(type), flags: flags)
        append([UInt8(AF_UNSPEC), 0, 0, 0])
        append(index)
        let flag = up ? UInt32(IFF_UP) : 0
        append(flag)
        append(flag)
    }

    /// About addresses of a link (struct ifaddrmsg).
    mutating func beginAddress(
        _ type: some BinaryInteger,
        _ family: IPFamily,
        link: UInt32,
        length: Int = 0,
        scope: rt_scope_t = RT_SCOPE_UNIVERSE,
        flags: UInt16 = 0
    ) {
        begin(UInt16(type), flags: flags)
        append([family.protocolFamily, UInt8(length), 0, UInt8(scope.rawValue)])
        append(link)
    }

    /// About one of our routes in the table of local addresses (struct rtmsg).
    mutating func beginLocalRoute(
        _ type: some BinaryInteger,
        _ family: IPFamily,
        protocol routeProtocol: UInt8,
        length: Int = 0,
        scope: rt_scope_t = RT_SCOPE_UNIVERSE,
        flags: UInt16 = 0
    ) {
        begin(UInt16(type), flags: flags)
        append([
            family.protocolFamily, UInt8(length), 0, 0, UInt8(RT_TABLE_LOCAL.rawValue),
            routeProtocol, UInt8(scope.rawValue), UInt8(RTN_LOCAL),
        ])
        append(UInt32(0))
    }

    /// Where packets of this host to an address go (struct rtmsg).
    mutating func beginRouteLookup(_ address: IPAddress) {
        begin(UInt16(RTM_GETROUTE))
        append([address.family.protocolFamily, UInt8(address.family.bitWidth), 0, 0, 0, 0, 0, 0])
        append(UInt32(0))
        attribute(RTA_DST.rawValue, address)
    }

    /// As many bytes as the family's addresses have.
    mutating func attribute(_ type: some BinaryInteger, _ address: IPAddress) {
        attribute(type, network: address.bits, width: address.family.bitWidth / 8)
    }

    /// An address of a link without a peer, which the kernel wants in both places.
    mutating func bareAddress(_ address: IPAddress) {
        attribute(IFA_LOCAL, address)
        attribute(IFA_ADDRESS, address)
    }
}
