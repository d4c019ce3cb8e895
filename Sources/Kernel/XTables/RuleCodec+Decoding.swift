import Addressing
import CIPTables
import DataplaneModel

// Reads the fields that it knows; `decode` proves that nothing was overlooked by encoding the result
// again.
extension RuleCodec {
    /// Makes an entry of the kernel comparable with an encoded one: names its target if that is a
    /// verdict, and zeroes counters, kernel-private fields and the bytes behind the end of names
    /// (the kernel copies names only up to their end, and old bytes of libiptc's memory follow).
    ///
    /// False if the entry's sizes are inconsistent.
    func normalize(_ entry: inout RuleEntry, label: String) -> Bool {
        guard isConsistent(entry) else { return false }
        entry.zero(layout.cache..<(layout.cache + 4))
        entry.zero(layout.origin..<(layout.origin + 4))
        entry.zero(layout.counters..<(layout.counters + 16))
        let target = Int(entry.uint16(at: layout.targetOffset))
        var place = layout.size
        while place < target {
            zeroBehindName(at: place, in: &entry)
            place += Int(entry.uint16(at: place))
        }
        let name = target + Int(xt_entry_match_name)
        if entry.bytes[name] == 0 {
            entry.zero(name..<entry.count)
            entry.store(String(label.prefix(ChainName.maximumLength)), at: name)
            entry.hasVerdict = true
        } else {
            zeroBehindName(at: target, in: &entry)
        }
        return true
    }

    /// Whether the matches and the target lie in the entry, one behind the other, as their sizes say.
    private func isConsistent(_ entry: RuleEntry) -> Bool {
        guard entry.count >= layout.size,
            Int(entry.uint16(at: layout.nextOffset)) == entry.count
        else { return false }
        let target = Int(entry.uint16(at: layout.targetOffset))
        guard target >= layout.size, target + Int(xt_entry_match_size) <= entry.count else {
            return false
        }
        var place = layout.size
        while place < target {
            let size = Int(entry.uint16(at: place))
            guard size >= Int(xt_entry_match_size), place + size <= target else { return false }
            place += size
        }
        return true
    }

    private func zeroBehindName(at header: Int, in entry: inout RuleEntry) {
        let name = header + Int(xt_entry_match_name)
        let end = header + Int(xt_entry_match_revision)
        guard let zero = entry.bytes[name..<end].firstIndex(of: 0) else { return }
        entry.zero(zero..<end)
    }

    /// Nil for what Fairlead does not write, and for an entry that is not consistent.
    func parse(_ entry: RuleEntry) -> Rule? {
        guard isConsistent(entry) else { return nil }
        let target = Int(entry.uint16(at: layout.targetOffset))
        let number = UInt8(exactly: entry.uint16(at: layout.transport))
        var matches: [Match] = []
        var place = layout.size
        while place < target {
            guard let match = parseMatch(at: place, entry) else { return nil }
            matches.append(match)
            place += Int(entry.uint16(at: place))
        }
        guard let parsed = parseTarget(at: target, entry) else { return nil }
        return Rule(
            source: parsePrefix(layout.source, entry),
            destination: parsePrefix(layout.destination, entry),
            inInterface: parseInterface(layout.inInterface, entry),
            outInterface: parseInterface(layout.outInterface, entry),
            transport: number.flatMap { TransportProtocol(number: $0) },
            matches: matches,
            target: parsed
        )
    }

    private func parsePrefix(_ field: EntryLayout.Masked, _ entry: RuleEntry) -> PrefixMatch? {
        let bits = entry.networkOrder(at: field.mask, width: layout.addressWidth)
        let inverted = entry.bytes[layout.inversions] & field.inversion != 0
        if bits == 0, !inverted { return nil }
        let value = entry.networkOrder(at: field.place, width: layout.addressWidth)
        let prefix = IPPrefix(
            IPAddress(family: family, bits: value),
            length: bits.nonzeroBitCount
        )
        return PrefixMatch(prefix, inverted: inverted)
    }

    private func parseInterface(_ field: EntryLayout.Masked, _ entry: RuleEntry) -> InterfaceMatch?
    {
        let size = Int(IFNAMSIZ)
        let masked = entry.bytes[field.mask..<(field.mask + size)].prefix { $0 == .max }.count
        if masked == 0 { return nil }
        let text = entry.text(at: field.place, limit: size)
        let isPrefix = text.utf8.count >= masked
        return InterfaceMatch(
            isPrefix ? entry.text(at: field.place, limit: masked) : text,
            isPrefix: isPrefix,
            inverted: entry.bytes[layout.inversions] & field.inversion != 0
        )
    }

    private func parseMatch(at place: Int, _ entry: RuleEntry) -> Match? {
        let data = place + Int(xt_entry_match_size)
        let size = Int(entry.uint16(at: place)) - Int(xt_entry_match_size)
        func has(_ type: some BinaryInteger) -> Bool { size >= Int(type) }
        func uint32(_ field: some BinaryInteger) -> UInt32 { entry.uint32(at: data + Int(field)) }
        func uint16(_ field: some BinaryInteger) -> UInt16 { entry.uint16(at: data + Int(field)) }
        func ports(_ field: some BinaryInteger) -> ClosedRange<UInt16>? {
            let (first, last) = (uint16(field), entry.uint16(at: data + Int(field) + 2))
            return first <= last ? first...last : nil
        }
        switch extensionName(at: place, entry) {
        case "tcp" where has(xt_tcp_size):
            return ports(xt_tcp_dpts).map { .destinationPort(.tcp, $0) }
        case "udp" where has(xt_udp_size):
            return ports(xt_udp_dpts).map { .destinationPort(.udp, $0) }
        case "sctp" where has(xt_sctp_info_size):
            return ports(xt_sctp_info_dpts).map { .destinationPort(.sctp, $0) }
        case "conntrack" where has(xt_conntrack_mtinfo3_size):
            return .connectionState(
                ConnectionState(rawValue: uint16(xt_conntrack_mtinfo3_state_mask)),
                inverted: uint16(xt_conntrack_mtinfo3_invert_flags) != 0
            )
        case "mark" where has(xt_mark_mtinfo1_size):
            return .mark(
                PacketMark(value: uint32(xt_mark_mtinfo1_mark), mask: uint32(xt_mark_mtinfo1_mask)),
                inverted: entry.bytes[data + Int(xt_mark_mtinfo1_invert)] != 0
            )
        case "addrtype" where has(xt_addrtype_info_v1_size):
            let inverted = uint32(xt_addrtype_info_v1_flags) != 0
            return uint16(xt_addrtype_info_v1_source) != 0
                ? .sourceIsLocal(inverted: inverted) : .destinationIsLocal(inverted: inverted)
        case "statistic" where has(xt_statistic_info_size):
            return .random(Probability(units: uint32(xt_statistic_info_probability)))
        case "recent" where has(xt_recent_mtinfo_v1_size):
            return parseRecent(data, entry)
        case "bpf" where has(xt_bpf_info_v1_size): return parseProgram(data, entry)
        case "set": return parseSet(data, size: size, entry)
        case "ipvs" where has(xt_ipvs_mtinfo_size):
            return .ipvs(inverted: entry.bytes[data + Int(xt_ipvs_mtinfo_invert)] != 0)
        case "comment" where has(xt_comment_info_size):
            return .comment(entry.text(at: data, limit: Int(xt_comment_info_size)))
        default: return nil
        }
    }

    private func parseRecent(_ data: Int, _ entry: RuleEntry) -> Match {
        let seconds = entry.uint32(at: data + Int(xt_recent_mtinfo_v1_seconds))
        let flags = entry.bytes[data + Int(xt_recent_mtinfo_v1_check_set)]
        let list = entry.text(
            at: data + Int(xt_recent_mtinfo_v1_name),
            limit: Int(XT_RECENT_NAME_LEN)
        )
        let isSet = Int(flags) & Int(XT_RECENT_SET) != 0
        return .recent(RecentMatch(isSet ? .set : .update(seconds: seconds), list: list))
    }

    private func parseProgram(_ data: Int, _ entry: RuleEntry) -> Match? {
        let count = Int(entry.uint16(at: data + Int(xt_bpf_info_v1_bpf_program_num_elem)))
        guard count <= Int(XT_BPF_MAX_NUM_INSTR) else { return nil }
        let start = data + Int(xt_bpf_info_v1_bpf_program)
        return .bpf(
            stride(from: start, to: start + 8 * count, by: 8).map { place in
                BPFInstruction(
                    entry.uint16(at: place),
                    jumpTrue: entry.bytes[place + 2],
                    jumpFalse: entry.bytes[place + 3],
                    operand: entry.uint32(at: place + 4)
                )
            }
        )
    }

    private func parseTarget(at place: Int, _ entry: RuleEntry) -> Target? {
        let data = place + Int(xt_entry_match_size)
        let size = entry.count - data
        let name = extensionName(at: place, entry)
        if entry.hasVerdict { return parseVerdict(name, entry) }
        switch name {
        case "DNAT" where size >= Int(nf_nat_range2_size):
            let address = entry.networkOrder(
                at: data + Int(nf_nat_range2_min_addr),
                width: layout.addressWidth
            )
            let number = entry.networkOrder(at: data + Int(nf_nat_range2_min_proto), width: 2)
            return PortNumber(Int(number)).map {
                .destinationNAT(SocketAddress(IPAddress(family: family, bits: address), $0))
            }
        case "SET": return parseMarkFromSet(data, size: size, entry)
        case "MASQUERADE": return .masquerade
        case "MARK" where size >= Int(xt_mark_tginfo2_size):
            return .mark(
                PacketMark(
                    value: entry.uint32(at: data + Int(xt_mark_tginfo2_mark)),
                    mask: entry.uint32(at: data + Int(xt_mark_tginfo2_mask))
                )
            )
        case "REJECT": return .reject
        default: return nil
        }
    }

    /// Nil for a rule without a target, whose label is empty, and for QUEUE.
    private func parseVerdict(_ label: String, _ entry: RuleEntry) -> Target? {
        switch label {
        case "", IPTC_LABEL_QUEUE: return nil
        case IPTC_LABEL_ACCEPT: return .accept
        case IPTC_LABEL_DROP: return .drop
        case IPTC_LABEL_RETURN: return .returnToCaller
        default:
            let isGoto = entry.bytes[layout.flags] & layout.gotoFlag != 0
            return isGoto ? .goto(ChainName(label)) : .jump(ChainName(label))
        }
    }

    private func extensionName(at header: Int, _ entry: RuleEntry) -> String {
        let limit = Int(xt_entry_match_revision) - Int(xt_entry_match_name)
        let length = header + Int(xt_entry_match_name)
        return entry.text(at: length, limit: entry.bytes.count < length + limit ? 0 : limit)
    }
}
