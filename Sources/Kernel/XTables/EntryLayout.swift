import Addressing
import CIPTables

/// Where the fields of a rule's header are: the one thing in which the families differ throughout.
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
    var source: Int
    var sourceMask: Int
    var destination: Int
    var destinationMask: Int
    var inInterface: Int
    var inInterfaceMask: Int
    var outInterface: Int
    var outInterfaceMask: Int
    var transport: Int
    var flags: Int
    var inversions: Int
    /// The flag for `-g`.
    var gotoFlag: UInt8
    /// The flag without which ip6_tables does not look at the protocol; ip_tables has none.
    var transportFlag: UInt8

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
        source: Int(ipt_ip_src),
        sourceMask: Int(ipt_ip_smsk),
        destination: Int(ipt_ip_dst),
        destinationMask: Int(ipt_ip_dmsk),
        inInterface: Int(ipt_ip_iniface),
        inInterfaceMask: Int(ipt_ip_iniface_mask),
        outInterface: Int(ipt_ip_outiface),
        outInterfaceMask: Int(ipt_ip_outiface_mask),
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
        source: Int(ip6t_ip6_src),
        sourceMask: Int(ip6t_ip6_smsk),
        destination: Int(ip6t_ip6_dst),
        destinationMask: Int(ip6t_ip6_dmsk),
        inInterface: Int(ip6t_ip6_iniface),
        inInterfaceMask: Int(ip6t_ip6_iniface_mask),
        outInterface: Int(ip6t_ip6_outiface),
        outInterfaceMask: Int(ip6t_ip6_outiface_mask),
        transport: Int(ip6t_ip6_proto),
        flags: Int(ip6t_ip6_flags),
        inversions: Int(ip6t_ip6_invflags),
        gotoFlag: UInt8(IP6T_F_GOTO),
        transportFlag: UInt8(IP6T_F_PROTO)
    )
}
