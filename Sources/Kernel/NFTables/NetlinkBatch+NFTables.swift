package import Addressing
package import CNetlink
import Glibc
import Netlink

// Messages of nf_tables. Its numbers are in network order.
extension NetlinkBatch {
    /// Begins a message about a family's tables.
    package mutating func begin(
        _ message: nf_tables_msg_types,
        _ family: IPFamily,
        flags: UInt16 = 0
    ) {
        begin(message, protocolFamily: family.protocolFamily, flags: flags)
    }

    /// For families of nftables that are none of addresses, such as `NFPROTO_INET`.
    package mutating func begin(
        _ message: nf_tables_msg_types,
        protocolFamily: UInt8,
        flags: UInt16 = 0
    ) {
        begin(UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(message.rawValue), flags: flags)
        // struct nfgenmsg
        append([protocolFamily, UInt8(NFNETLINK_V0), 0, 0])
    }

    /// The messages from here to the transaction's end are carried out together or not at all
    /// (`NFNL_MSG_BATCH_BEGIN`).
    package mutating func beginTransaction() { mark(UInt16(NLMSG_MIN_TYPE)) }

    /// `NFNL_MSG_BATCH_END`.
    package mutating func endTransaction() { mark(UInt16(NLMSG_MIN_TYPE) + 1) }

    private mutating func mark(_ type: UInt16) {
        begin(type)
        append([UInt8(AF_UNSPEC), UInt8(NFNETLINK_V0), 0, UInt8(NFNL_SUBSYS_NFTABLES)])
    }

    /// `struct nft_data` with plain bytes.
    package mutating func data(
        _ attribute: some RawRepresentable<UInt32>,
        _ bytes: [UInt8]
    ) {
        nested(attribute.rawValue) { $0.attribute(NFTA_DATA_VALUE.rawValue, bytes) }
    }
}
