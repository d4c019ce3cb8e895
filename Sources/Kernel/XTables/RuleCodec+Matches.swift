import Addressing
import CIPTables
import DataplaneModel

extension RuleCodec {
    func encode(
        _ match: Match,
        of rule: Rule,
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        switch match {
        case .destinationPort(let transport, let ports):
            guard rule.transport == transport else {
                throw UnencodableRule("a \(transport.keyword) port needs -p \(transport.keyword)")
            }
            encode(transport, ports, into: &entry)
        case .connectionState(let states, let inverted):
            try encode(states, inverted: inverted, into: &entry)
        case .mark(let mark, let inverted):
            let data = entry.appendExtension("mark", revision: 1, size: Int(xt_mark_mtinfo1_size))
            entry.store(mark.value, at: data + Int(xt_mark_mtinfo1_mark))
            entry.store(mark.mask, at: data + Int(xt_mark_mtinfo1_mask))
            entry.store(UInt8(inverted ? 1 : 0), at: data + Int(xt_mark_mtinfo1_invert))
        case .sourceIsLocal(let inverted):
            let data = appendAddressType(inverted ? XT_ADDRTYPE_INVERT_SOURCE : 0, to: &entry)
            entry.store(
                UInt16(XT_ADDRTYPE_LOCAL),
                at: data + Int(xt_addrtype_info_v1_source)
            )
        case .destinationIsLocal(let inverted):
            let data = appendAddressType(inverted ? XT_ADDRTYPE_INVERT_DEST : 0, to: &entry)
            entry.store(UInt16(XT_ADDRTYPE_LOCAL), at: data + Int(xt_addrtype_info_v1_dest))
        case .random(let probability):
            // Mode 0 is random. The kernel's own pointer behind it stays zero.
            let data = entry.appendExtension("statistic", size: Int(xt_statistic_info_size))
            entry.store(probability.units, at: data + Int(xt_statistic_info_probability))
            // Unused in this mode, but set by iptables, and equal rules have equal bytes.
            entry.store(probability.units, at: data + Int(xt_statistic_info_count))
        case .recent(let recent): try encode(recent, into: &entry)
        case .bpf(let program): try encode(program, into: &entry)
        case .set(let name, let dimensions, let inverted):
            try encode(name, dimensions, inverted: inverted, into: &entry)
        case .ipvs(let inverted): encodeIPVS(inverted: inverted, into: &entry)
        case .comment(let text):
            guard text.utf8.count < Int(xt_comment_info_size), !text.utf8.contains(0) else {
                throw UnencodableRule("the comment is longer than 255 bytes or holds a zero byte")
            }
            let data = entry.appendExtension("comment", size: Int(xt_comment_info_size))
            entry.store(text, at: data)
        }
    }

    private func encode(
        _ transport: TransportProtocol,
        _ ports: ClosedRange<UInt16>,
        into entry: inout RuleEntry
    ) {
        let destination: Int
        switch transport {
        case .tcp:
            let data = entry.appendExtension("tcp", size: Int(xt_tcp_size))
            entry.store(UInt16.max, at: data + Int(xt_tcp_spts) + 2)
            destination = data + Int(xt_tcp_dpts)
        case .udp:
            let data = entry.appendExtension("udp", size: Int(xt_udp_size))
            entry.store(UInt16.max, at: data + Int(xt_udp_spts) + 2)
            destination = data + Int(xt_udp_dpts)
        case .sctp:
            let data = entry.appendExtension("sctp", size: Int(xt_sctp_info_size))
            // Ignored without XT_SCTP_CHUNK_TYPES; iptables sets them so, and compares all bytes when it
            // deletes a rule.
            for index in 0..<Int(XT_NUM_SCTP_FLAGS) {
                let info = Int(xt_sctp_info_flag_info) + index * Int(xt_sctp_flag_info_size)
                entry.store(UInt8.max, at: data + info)
            }
            entry.store(UInt32(XT_SCTP_DEST_PORTS), at: data + Int(xt_sctp_info_flags))
            destination = data + Int(xt_sctp_info_dpts)
        }
        entry.store(ports.lowerBound, at: destination)
        entry.store(ports.upperBound, at: destination + 2)
    }

    private func encode(
        _ states: ConnectionState,
        inverted: Bool,
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        guard !states.isEmpty else { throw UnencodableRule("no connection state is given") }
        let data = entry.appendExtension(
            "conntrack",
            revision: 3,
            size: Int(xt_conntrack_mtinfo3_size)
        )
        let flag = UInt16(XT_CONNTRACK_STATE)
        entry.store(flag, at: data + Int(xt_conntrack_mtinfo3_match_flags))
        entry.store(inverted ? flag : 0, at: data + Int(xt_conntrack_mtinfo3_invert_flags))
        entry.store(states.rawValue, at: data + Int(xt_conntrack_mtinfo3_state_mask))
    }

    private func appendAddressType(_ flags: Int, to entry: inout RuleEntry) -> Int {
        let data = entry.appendExtension(
            "addrtype",
            revision: 1,
            size: Int(xt_addrtype_info_v1_size)
        )
        entry.store(UInt32(flags), at: data + Int(xt_addrtype_info_v1_flags))
        return data
    }

    private func encode(
        _ recent: RecentMatch,
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        let length = recent.list.utf8.count
        guard (1..<Int(XT_RECENT_NAME_LEN)).contains(length),
            recent.list.utf8.allSatisfy({ $0 > 0x20 && $0 != UInt8(ascii: "/") && $0 < 0x7f })
        else {
            throw UnencodableRule("list name \(recent.list) is empty, too long or has a bad byte")
        }
        let data = entry.appendExtension(
            "recent",
            revision: 1,
            size: Int(xt_recent_mtinfo_v1_size)
        )
        switch recent.action {
        case .set: entry.store(UInt8(XT_RECENT_SET), at: data + Int(xt_recent_mtinfo_v1_check_set))
        case .update(let seconds):
            guard seconds > 0 else { throw UnencodableRule("recent --reap needs some seconds") }
            let flags = UInt8(XT_RECENT_UPDATE | XT_RECENT_REAP)
            entry.store(seconds, at: data + Int(xt_recent_mtinfo_v1_seconds))
            entry.store(flags, at: data + Int(xt_recent_mtinfo_v1_check_set))
        }
        entry.store(recent.list, at: data + Int(xt_recent_mtinfo_v1_name))
        entry.store(UInt8(XT_RECENT_SOURCE), at: data + Int(xt_recent_mtinfo_v1_side))
        entry.store(
            networkOrder: family == .ipv4 ? UInt128(UInt32.max) : .max,
            width: layout.addressWidth,
            at: data + Int(xt_recent_mtinfo_v1_mask)
        )
    }

    private func encode(
        _ program: [BPFInstruction],
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        guard (1...Int(XT_BPF_MAX_NUM_INSTR)).contains(program.count) else {
            throw UnencodableRule("a BPF program has 1 to 64 instructions, not \(program.count)")
        }
        // Mode 0 is bytecode in the rule. The kernel's own pointer behind it stays zero.
        let data = entry.appendExtension("bpf", revision: 1, size: Int(xt_bpf_info_v1_size))
        entry.store(
            UInt16(program.count),
            at: data + Int(xt_bpf_info_v1_bpf_program_num_elem)
        )
        var place = data + Int(xt_bpf_info_v1_bpf_program)
        for instruction in program {
            entry.store(instruction.code, at: place)
            entry.store(instruction.jumpTrue, at: place + 2)
            entry.store(instruction.jumpFalse, at: place + 3)
            entry.store(instruction.operand, at: place + 4)
            place += 8
        }
    }
}
