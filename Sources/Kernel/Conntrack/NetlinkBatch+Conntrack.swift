import Addressing
import CNetlink
import Glibc
import Netlink

// Messages of ctnetlink, connection tracking's part of nfnetlink.
extension NetlinkBatch {
    /// Begins a message about entries of a family (`enum cntl_msg_types`).
    private mutating func begin(
        _ message: cntl_msg_types,
        _ family: IPFamily,
        flags: UInt16 = 0
    ) {
        begin(UInt16(NFNL_SUBSYS_CTNETLINK) << 8 | UInt16(message.rawValue), flags: flags)
        // struct nfgenmsg
        append([family.protocolFamily, UInt8(NFNETLINK_V0), 0, 0])
    }

    /// Requests all UDP entries of a family; without `filtered`, and from kernels before 5.8, which
    /// ignore the filter, also those of other protocols.
    mutating func dumpUDP(_ family: IPFamily, filtered: Bool) {
        begin(IPCTNL_MSG_CT_GET, family, flags: UInt16(NLM_F_DUMP))
        guard filtered else { return }
        nested(CTA_TUPLE_ORIG.rawValue) { batch in
            batch.nested(CTA_TUPLE_PROTO.rawValue) {
                $0.attribute(CTA_PROTO_NUM.rawValue, UInt8(IPPROTO_UDP))
            }
        }
        nested(CTA_FILTER.rawValue) {
            $0.attribute(CTA_FILTER_ORIG_FLAGS.rawValue, filterByProtocol)
        }
    }

    /// Deletes an entry unless another one has replaced it.
    mutating func delete(_ entry: ConntrackEntry, _ family: IPFamily) {
        begin(IPCTNL_MSG_CT_DELETE, family)
        // Without a tuple the kernel would delete everything; an entry always has one.
        attribute(CTA_TUPLE_ORIG.rawValue | UInt32(NLA_F_NESTED), entry.tuple)
        attribute(CTA_ID.rawValue, entry.identity)
    }
}

/// `CTA_FILTER_FLAG(CTA_PROTO_NUM)`, which the kernel's user headers do not have.
private let filterByProtocol: UInt32 = 1 << 3
