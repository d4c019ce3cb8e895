import DataplaneModel

extension IPTablesTable {
    /// What INPUT and FORWARD do to packets that nobody accepts; of the table `filter`.
    func foreignFilters() -> [ForeignFilter] {
        let codec = RuleCodec(family: Library.family)
        var entry = RuleEntry()
        return [("INPUT", ForeignFilter.Hook.input), ("FORWARD", .forward)].map { name, hook in
            let label = ChainLabel(name)
            var filter = ForeignFilter(name: name, hook: hook)
            filter.dropsByPolicy = drops(label)
            for rule in rules(of: label) {
                read(rule, into: &entry)
                let isForAll = codec.isForAllPackets(entry)
                filter.note(codec.decode(entry), isForAll ? targetName(of: rule) : nil)
            }
            return filter
        }
    }
}

extension RuleCodec {
    /// No address, interface, protocol or match is asked for. Also of rules that have no words.
    fileprivate func isForAllPackets(_ entry: RuleEntry) -> Bool {
        entry.count > layout.size && Int(entry.uint16(at: layout.targetOffset)) == layout.size
            && entry.bytes[..<layout.targetOffset].allSatisfy { $0 == 0 }
    }
}

extension ForeignFilter {
    /// `target` is that of a rule for all packets.
    fileprivate mutating func note(_ rule: Rule, _ target: String?) {
        lastWord = target == "DROP" || target == "REJECT" ? target : nil
        if target == "ACCEPT" { acceptsEverything = true }
        guard rule.target == .accept, rule.matches.count == 1,
            case .connectionState(let states, inverted: false) = rule.matches[0],
            rule == Rule(matches: rule.matches, target: .accept)
        else { return }
        if states.contains(.dnat) { acceptsTranslated = true }
        if states.contains(.established) { acceptsEstablished = true }
    }
}
