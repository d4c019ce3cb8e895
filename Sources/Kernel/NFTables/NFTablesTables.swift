package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import Netlink

/// The names of all nftables tables, which show whether iptables-nft is in use.
package enum NFTablesTables {
    /// Empty where the kernel has no nftables.
    package static func names(
        _ families: [IPFamily]
    ) throws(DataplaneError) -> [(family: IPFamily, name: String)] {
        var found: [(family: IPFamily, name: String)] = []
        do throws(DataplaneError) {
            var socket = try NetlinkSocket(NETLINK_NETFILTER, name: "nf_tables")
            for family in families {
                var batch = NetlinkBatch()
                batch.begin(NFT_MSG_GETTABLE, family, flags: UInt16(NLM_F_DUMP))
                found += try socket.request(&batch).compactMap { message in
                    message.attributes.text(NFTA_TABLE_NAME).map { (family, $0) }
                }
            }
        } catch {
            // Without nfnetlink, or its part for nftables, there are none.
            switch error.errno {
            case EPROTONOSUPPORT, EAFNOSUPPORT, EINVAL, EOPNOTSUPP: return []
            default: throw error
            }
        }
        return found
    }
}
