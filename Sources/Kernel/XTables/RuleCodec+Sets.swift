import CIPSet
import CIPTables
import DataplaneModel

// Matches and targets of ipset and IPVS. The revisions are the newest that the kernel has, since
// iptables uses those and compares all bytes when it looks for a rule.
extension RuleCodec {
    func encode(
        _ name: IPSetName,
        _ dimensions: [SetDimension],
        inverted: Bool,
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        let data = entry.appendExtension(
            "set",
            revision: 4,
            size: Int(xt_set_info_match_v4_size)
        )
        let place = data + Int(xt_set_info_match_v4_match_set)
        try store(name, dimensions, inverted: inverted, at: place, in: &entry)
    }

    func encodeMark(
        from name: IPSetName,
        _ dimensions: [SetDimension],
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        let data = entry.appendExtension(
            "SET",
            revision: 3,
            size: Int(xt_set_info_target_v3_size)
        )
        for unused in [xt_set_info_target_v3_add_set, xt_set_info_target_v3_del_set] {
            let place = data + Int(unused) + Int(xt_set_info_index)
            entry.store(UInt16(IPSET_INVALID_ID), at: place)
        }
        let place = data + Int(xt_set_info_target_v3_map_set)
        try store(name, dimensions, inverted: false, at: place, in: &entry)
        let flags = UInt32(IPSET_FLAG_MAP_SKBMARK.rawValue)
        entry.store(flags, at: data + Int(xt_set_info_target_v3_flags))
        // What iptables stores there when nothing is added.
        entry.store(UInt32.max, at: data + Int(xt_set_info_target_v3_timeout))
    }

    /// A `struct xt_set_info`.
    private func store(
        _ name: IPSetName,
        _ dimensions: [SetDimension],
        inverted: Bool,
        at place: Int,
        in entry: inout RuleEntry
    ) throws(UnencodableRule) {
        guard let index = sets[name] else {
            throw UnencodableRule("there is no set \(name)")
        }
        guard (1...Int(IPSET_DIM_MAX.rawValue)).contains(dimensions.count) else {
            throw UnencodableRule("a set's entry has 1 to 6 parts, not \(dimensions.count)")
        }
        var flags: UInt8 = inverted ? UInt8(IPSET_INV_MATCH.rawValue) : 0
        for (number, dimension) in dimensions.enumerated() where dimension == .source {
            // IPSET_DIM_ONE_SRC and so on.
            flags |= 2 << UInt8(number)
        }
        entry.store(index, at: place + Int(xt_set_info_index))
        entry.store(UInt8(dimensions.count), at: place + Int(xt_set_info_dim))
        entry.store(flags, at: place + Int(xt_set_info_flags))
    }

    func encodeIPVS(inverted: Bool, into entry: inout RuleEntry) {
        let data = entry.appendExtension("ipvs", size: Int(xt_ipvs_mtinfo_size))
        let property = UInt8(XT_IPVS_IPVS_PROPERTY)
        entry.store(property, at: data + Int(xt_ipvs_mtinfo_bitmask))
        entry.store(inverted ? property : 0, at: data + Int(xt_ipvs_mtinfo_invert))
    }

    // MARK: - Decoding

    func parseSet(_ data: Int, size: Int, _ entry: RuleEntry) -> Match? {
        guard size >= Int(xt_set_info_match_v4_size) else { return nil }
        let place = data + Int(xt_set_info_match_v4_match_set)
        guard let (name, dimensions) = parseSetInfo(place, entry) else { return nil }
        let flags = entry.bytes[place + Int(xt_set_info_flags)]
        return .set(name, dimensions, inverted: flags & UInt8(IPSET_INV_MATCH.rawValue) != 0)
    }

    func parseMarkFromSet(_ data: Int, size: Int, _ entry: RuleEntry) -> Target? {
        guard size >= Int(xt_set_info_target_v3_size) else { return nil }
        let place = data + Int(xt_set_info_target_v3_map_set)
        guard let (name, dimensions) = parseSetInfo(place, entry) else { return nil }
        return .markFromSet(name, dimensions)
    }

    private func parseSetInfo(_ place: Int, _ entry: RuleEntry) -> (IPSetName, [SetDimension])? {
        guard let name = sets[entry.uint16(at: place + Int(xt_set_info_index))] else { return nil }
        let count = entry.bytes[place + Int(xt_set_info_dim)]
        guard count <= IPSET_DIM_MAX.rawValue else { return nil }
        let flags = entry.bytes[place + Int(xt_set_info_flags)]
        return (name, (0..<count).map { flags & 2 << $0 != 0 ? .source : .destination })
    }
}
