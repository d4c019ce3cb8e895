import Addressing
import DataplaneModel
import XTables

extension IPTablesTable {
    /// What INPUT and FORWARD do to packets that no rule accepts; of the table `filter`.
    func foreignFilters() -> [ForeignFilter] {
        let codec = RuleCodec(family: family)
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

// MARK: - Neighbour discovery

extension IPTablesTable {
    /// Whether the packet certainly does not pass FORWARD; of the table `filter` for IPv6.
    func stops(_ packet: DiscoveryPacket) -> Bool {
        var visits = 0
        let chain = ChainLabel("FORWARD")
        switch walk(packet, chain, &visits) {
        case .mayPass: return false
        case .stopped: return true
        case .end: return drops(chain)
        }
    }

    private func walk(
        _ packet: DiscoveryPacket,
        _ chain: ChainLabel,
        _ visits: inout Int
    ) -> ForeignOutcome {
        visits += 1
        guard visits <= ForeignOutcome.maxVisits else { return .mayPass }
        let codec = RuleCodec(family: family)
        var entry = RuleEntry()
        for reference in rules(of: chain) {
            read(reference, into: &entry)
            let rule = codec.decode(entry)
            let holds = codec.isForAllPackets(entry) ? true : packet.satisfies(rule)
            if holds == false { continue }
            let target = targetName(of: reference)
            switch target {
            case "ACCEPT", "QUEUE", "NFQUEUE": return .mayPass
            case "DROP", "REJECT": if holds == true { return .stopped }
            case "RETURN": if holds == true { return .end }
            default:
                let next = ChainLabel(target)
                guard hasChain(next) else { continue }
                let outcome = walk(packet, next, &visits)
                if outcome == .mayPass { return .mayPass }
                let isGoto = if case .goto = rule.target { true } else { false }
                if holds == true, isGoto || outcome == .stopped { return outcome }
            }
        }
        return .end
    }
}

extension DiscoveryPacket {
    /// Whether a rule's conditions hold; nil if that is not known.
    fileprivate func satisfies(_ rule: Rule) -> Bool? {
        if case .opaque = rule.target { return nil }
        if rule.transport != nil { return false }
        for link in [rule.inInterface, rule.outInterface].compactMap({ $0 }) {
            let isNamed = link.isPrefix ? bridge.hasPrefix(link.name) : bridge == link.name
            if isNamed == link.inverted { return false }
        }
        for match in rule.matches {
            switch match {
            case .connectionState(let states, let inverted):
                if states.contains(.untracked) == inverted { return false }
            case .mark(let mark, let inverted): if (mark.value == 0) == inverted { return false }
            default: break
            }
        }
        let isPlain = rule.matches.allSatisfy {
            switch $0 {
            case .connectionState, .mark, .comment: true
            default: false
            }
        }
        return isPlain && rule.source == nil && rule.destination == nil ? true : nil
    }
}

// MARK: - Ports

extension IPTablesTable {
    /// Ports whose connections foreign rules send elsewhere, each with the chain; of the table
    /// `nat`.
    func translatedPorts(
        _ ownership: Ownership
    ) -> [(place: String, transport: TransportProtocol, ports: ClosedRange<UInt16>)] {
        let codec = RuleCodec(family: family)
        var entry = RuleEntry()
        var found: [(place: String, transport: TransportProtocol, ports: ClosedRange<UInt16>)] = []
        for name in chainNames().own where !ownership.owns(chain: name) {
            for reference in rules(of: ChainLabel(name))
            where ["DNAT", "REDIRECT"].contains(targetName(of: reference)) {
                read(reference, into: &entry)
                for case .destinationPort(let transport, let ports) in codec.decode(entry).matches {
                    found.append((name, transport, ports))
                }
            }
        }
        return found
    }
}

extension RuleCodec {
    /// The rule has no conditions. Also works for rules that cannot be decoded.
    fileprivate func isForAllPackets(_ entry: RuleEntry) -> Bool {
        entry.count > layout.size && Int(entry.uint16(at: layout.targetOffset)) == layout.size
            && entry.bytes[..<layout.targetOffset].allSatisfy { $0 == 0 }
    }
}

extension ForeignFilter {
    /// Takes the rule into account; `target` is given for a rule without conditions.
    fileprivate mutating func note(_ rule: Rule, _ target: String?) {
        finalVerdict = target == "DROP" || target == "REJECT" ? target : nil
        if target == "ACCEPT" { acceptsEverything = true }
        guard rule.target == .accept, rule.matches.count == 1,
            case .connectionState(let states, inverted: false) = rule.matches[0],
            rule == Rule(matches: rule.matches, target: .accept)
        else { return }
        if states.contains(.dnat) { acceptsTranslated = true }
        if states.contains(.established) { acceptsEstablished = true }
    }
}
