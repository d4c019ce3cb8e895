import Addressing
import CNetlink
import DataplaneModel
import Glibc
import Netlink

/// Which types of sets the kernel has.
enum IPSetTypes {
    /// Whether the kernel has a type for a family; it may load the type's module to tell. The
    /// request is `IPSET_CMD_TYPE`. An error means that it has no sets at all, or tells us nothing.
    static func has(_ kind: IPSetKind, _ family: IPFamily) throws(DataplaneError) -> Bool {
        var socket = try NetlinkSocket(NETLINK_NETFILTER, name: "ipset")
        var batch = NetlinkBatch()
        batch.begin(UInt16(NFNL_SUBSYS_IPSET) << 8 | UInt16(IPSET_CMD_TYPE.rawValue))
        // struct nfgenmsg
        batch.append([UInt8(family.addressFamily), 0, 0, 0])
        batch.attribute(IPSET_ATTR_PROTOCOL, UInt8(IPSET_PROTOCOL_MIN))
        batch.attribute(IPSET_ATTR_TYPENAME, kind.rawValue)
        batch.attribute(IPSET_ATTR_FAMILY, UInt8(family.addressFamily))
        do throws(DataplaneError) {
            return try !socket.request(&batch).isEmpty
        } catch {
            guard error.errno == Int32(IPSET_ERR_FIND_TYPE.rawValue) else { throw error }
            return false
        }
    }
}
