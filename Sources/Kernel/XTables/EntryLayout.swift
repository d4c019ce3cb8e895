import Addressing
import CIPTables

/// The offsets of the fields in a rule's header, which differ between the families.
package struct EntryLayout: Sendable {
    package var size: Int
    package var targetOffset: Int
    var nextOffset: Int
    /// Kernel-private: a bit mask of hooks.
    var cache: Int
    var origin: Int
    /// Packets, then bytes, 8 bytes each.
    var counters: Int
    var addressWidth: Int
    var source: Masked
    var destination: Masked
    var inInterface: Masked
    var outInterface: Masked
    var transport: Int
    var flags: Int
    var inversions: Int
    /// The flag for `-g`.
    var gotoFlag: UInt8
    /// The flag without which ip6_tables ignores the protocol; ip_tables has no such flag.
    var transportFlag: UInt8

    /// A field that is compared under a mask.
    struct Masked {
        var place: Int
        var mask: Int
        /// The bit of `invflags` that inverts the comparison; the families use the same ones.
        var inversion: UInt8

        init(_ place: some BinaryInteger, _ mask: some BinaryInteger, _ inversion: Int32) {
            self.place = Int(place)
            self.mask = Int(mask)
            self.inversion = UInt8(inversion)
        }
    }

    static func of(_ family: IPFamily) -> EntryLayout {
        switch family {
        case .ipv4: ipv4
        case .ipv6: ipv6
        }
    }

    private static let ipv4 = EntryLayout(
        size: Int(ipt_entry_size),
        targetOffset: Int(ipt_entry_target_offset),
        nextOffset: Int(ipt_entry_next_offset),
        cache: Int(ipt_entry_nfcache),
        origin: Int(ipt_entry_comefrom),
        counters: Int(ipt_entry_counters),
        addressWidth: 4,
        source: Masked(ipt_ip_src, ipt_ip_smsk, IPT_INV_SRCIP),
        destination: Masked(ipt_ip_dst, ipt_ip_dmsk, IPT_INV_DSTIP),
        inInterface: Masked(ipt_ip_iniface, ipt_ip_iniface_mask, IPT_INV_VIA_IN),
        outInterface: Masked(ipt_ip_outiface, ipt_ip_outiface_mask, IPT_INV_VIA_OUT),
        transport: Int(ipt_ip_proto),
        flags: Int(ipt_ip_flags),
        inversions: Int(ipt_ip_invflags),
        gotoFlag: UInt8(IPT_F_GOTO),
        transportFlag: 0
    )

    private static let ipv6 = EntryLayout(
        size: Int(ip6t_entry_size),
        targetOffset: Int(ip6t_entry_target_offset),
        nextOffset: Int(ip6t_entry_next_offset),
        cache: Int(ip6t_entry_nfcache),
        origin: Int(ip6t_entry_comefrom),
        counters: Int(ip6t_entry_counters),
        addressWidth: 16,
        source: Masked(ip6t_ip6_src, ip6t_ip6_smsk, IPT_INV_SRCIP),
        destination: Masked(ip6t_ip6_dst, ip6t_ip6_dmsk, IPT_INV_DSTIP),
        inInterface: Masked(ip6t_ip6_iniface, ip6t_ip6_iniface_mask, IPT_INV_VIA_IN),
        outInterface: Masked(ip6t_ip6_outiface, ip6t_ip6_outiface_mask, IPT_INV_VIA_OUT),
        transport: Int(ip6t_ip6_proto),
        flags: Int(ip6t_ip6_flags),
        inversions: Int(ip6t_ip6_invflags),
        gotoFlag: UInt8(IP6T_F_GOTO),
        transportFlag: UInt8(IP6T_F_PROTO)
    )
}
