import Addressing
import CIPTables
import DataplaneModel

extension RuleCodec {
    func encode(
        _ target: Target,
        of rule: Rule,
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        switch target {
        case .accept: try appendVerdict(IPTC_LABEL_ACCEPT, to: &entry)
        case .drop: try appendVerdict(IPTC_LABEL_DROP, to: &entry)
        case .returnToCaller: try appendVerdict(IPTC_LABEL_RETURN, to: &entry)
        case .jump(let chain): try appendVerdict(chain.text, to: &entry)
        case .goto(let chain):
            entry.store(entry.bytes[layout.flags] | layout.gotoFlag, at: layout.flags)
            try appendVerdict(chain.text, to: &entry)
        case .destinationNAT(let destination):
            guard rule.transport != nil else {
                throw UnencodableRule("DNAT to a port needs a protocol")
            }
            try encode(destination, into: &entry)
        case .masquerade: encodeMasquerade(into: &entry)
        case .mark(let mark):
            let data = entry.appendExtension("MARK", revision: 2, size: Int(xt_mark_tginfo2_size))
            entry.store(mark.value, at: data + Int(xt_mark_tginfo2_mark))
            entry.store(mark.mask, at: data + Int(xt_mark_tginfo2_mask))
        case .markFromSet(let name, let dimensions):
            try encodeMark(from: name, dimensions, into: &entry)
        case .reject: encodeReject(into: &entry)
        case .opaque: throw UnencodableRule("it was read from the kernel and not understood")
        }
    }

    private func appendVerdict(
        _ label: String,
        to entry: inout RuleEntry
    ) throws(UnencodableRule) {
        guard (1...ChainName.maximumLength).contains(label.utf8.count),
            label.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else {
            throw UnencodableRule("\"\(label)\" is not a chain name of 1 to 28 printable bytes")
        }
        let size = Int(xt_standard_target_size) - Int(xt_entry_match_size)
        let data = entry.appendExtension("", size: size)
        // libiptc replaces the name with the verdict or the chain's offset.
        entry.store(label, at: data - Int(xt_entry_match_size) + Int(xt_entry_match_name))
        entry.hasVerdict = true
    }

    private func encode(
        _ destination: SocketAddress,
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        guard destination.address.family == family else {
            throw UnencodableRule("\(destination) is not \(family.rawValue)")
        }
        // Revision 0 would do for IPv4, but iptables-save 1.8.9 cannot print it.
        let data = entry.appendExtension("DNAT", revision: 2, size: Int(nf_nat_range2_size))
        let bits = destination.address.bits
        let port = UInt128(destination.port.value)
        entry.store(
            UInt32(NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED),
            at: data + Int(nf_nat_range2_flags)
        )
        for field in [nf_nat_range2_min_addr, nf_nat_range2_max_addr] {
            entry.store(networkOrder: bits, width: layout.addressWidth, at: data + Int(field))
        }
        for field in [nf_nat_range2_min_proto, nf_nat_range2_max_proto] {
            entry.store(networkOrder: port, width: 2, at: data + Int(field))
        }
    }

    private func encodeMasquerade(into entry: inout RuleEntry) {
        let flags = UInt32(NF_NAT_RANGE_PROTO_RANDOM_FULLY)
        switch family {
        case .ipv4:
            let data = entry.appendExtension(
                "MASQUERADE",
                size: Int(nf_nat_ipv4_multi_range_compat_size)
            )
            entry.store(UInt32(1), at: data + Int(nf_nat_ipv4_multi_range_compat_rangesize))
            entry.store(flags, at: data + Int(nf_nat_ipv4_multi_range_compat_range))
        case .ipv6:
            let data = entry.appendExtension("MASQUERADE", size: Int(nf_nat_range_size))
            entry.store(flags, at: data + Int(nf_nat_range_flags))
        }
    }

    private func encodeReject(into entry: inout RuleEntry) {
        switch family {
        case .ipv4:
            let data = entry.appendExtension("REJECT", size: Int(ipt_reject_info_size))
            entry.store(IPT_ICMP_PORT_UNREACHABLE.rawValue, at: data)
        case .ipv6:
            let data = entry.appendExtension("REJECT", size: Int(ip6t_reject_info_size))
            entry.store(IP6T_ICMP6_PORT_UNREACH.rawValue, at: data)
        }
    }
}
