import Addressing
import CIPSet
import CNetlink
import DataplaneModel
import Glibc
import Netlink

// Messages of the ipset protocol. Numbers of more than a byte are in network order, and the kernel
// refuses them unless their type says so.
extension NetlinkBatch {
    /// Begins a request about the entries of a set. The kernel takes them in the first version of the
    /// protocol, too, and the second has nothing new for them.
    mutating func begin(_ command: IPSetCommand, set name: String, flags: UInt16 = 0) {
        begin(UInt16(NFNL_SUBSYS_IPSET) << 8 | command.number, flags: flags)
        // struct nfgenmsg; the family has no meaning here.
        append([UInt8(AF_INET), UInt8(NFNETLINK_V0), 0, 0])
        attribute(IPSET_ATTR_PROTOCOL, UInt8(IPSET_PROTOCOL_MIN))
        attribute(IPSET_ATTR_SETNAME, name)
    }

    /// One entry; with a mark in a set that carries marks.
    mutating func append(_ entry: IPSetEntry, mark: UInt32?) {
        let data = openNested(IPSET_ATTR_DATA)
        switch entry {
        case .address(let address): append(IPSET_ATTR_IP, address)
        case .frontend(let socket, let transport): append(socket, transport)
        case .frontendSource(let socket, let transport, let range):
            append(socket, transport)
            append(IPSET_ATTR_IP2, range.address)
            attribute(IPSET_ATTR_CIDR2, UInt8(range.length))
        case .port(let port): attribute(ordered(IPSET_ATTR_PORT), bigEndian: port.value)
        }
        if let mark {
            // The mark, then its mask: all bits of a packet's mark are replaced.
            let pair = UInt64(mark) << 32 | UInt64(UInt32.max)
            attribute(ordered(IPSET_ATTR_SKBMARK), bigEndian: pair)
        }
        closeNested(data)
    }

    private mutating func append(_ socket: SocketAddress, _ transport: TransportProtocol) {
        append(IPSET_ATTR_IP, socket.address)
        attribute(ordered(IPSET_ATTR_PORT), bigEndian: socket.port.value)
        attribute(IPSET_ATTR_PROTO, transport.number)
    }

    private mutating func append(_ type: Int, _ address: IPAddress) {
        let outer = openNested(type)
        switch address.family {
        case .ipv4:
            attribute(ordered(IPSET_ATTR_IPADDR_IPV4), network: address.bits, width: 4)
        case .ipv6:
            attribute(ordered(IPSET_ATTR_IPADDR_IPV6), network: address.bits, width: 16)
        }
        closeNested(outer)
    }

    /// The type of an attribute with a number in network order.
    func ordered(_ type: Int) -> Int { type | Int(NLA_F_NET_BYTEORDER) }
}
