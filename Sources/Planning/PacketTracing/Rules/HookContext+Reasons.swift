import Addressing
import DataplaneModel

extension HookContext {
    /// What made a rule match, if its text does not show it.
    func reasons(for rule: Rule, matching packet: PacketState) -> [String] {
        var reasons: [String] = []
        if let source = rule.source, source.inverted, let address = packet.source {
            reasons.append("source \(address) is not in \(source.prefix)")
        }
        if rule.inInterface != nil { reasons.append(input.text("input")) }
        if rule.outInterface != nil { reasons.append(output(of: packet).text("output")) }
        for match in rule.matches {
            switch match {
            case .destinationPort, .comment, .random: break
            case .connectionState(_, let inverted):
                if packet.destinationChanged || inverted {
                    reasons.append(
                        "the connection is new"
                            + (packet.destinationChanged ? " and translated" : "")
                    )
                }
            case .mark: reasons.append("the mark is \(packet.mark.hexadecimal)")
            case .sourceIsLocal(let inverted):
                let address = packet.source?.description ?? "the masqueraded source"
                reasons.append("\(address) is \(inverted ? "not " : "")an address of this node")
            case .destinationIsLocal(let inverted):
                reasons.append(
                    "\(packet.destination) is \(inverted ? "not " : "")an address of this node"
                )
            case .bpf: reasons.append(reasonOfProgram(packet))
            case .set(let name, let sides, let inverted):
                reasons.append(
                    text(of: name, sides, packet, isMember: !inverted)
                )
            case .ipvs(let inverted):
                reasons.append(inverted ? "IPVS has not taken it" : "IPVS has taken it")
            case .recent(let recent):
                if case .update(let seconds) = recent.action {
                    reasons.append("if the client was seen within \(seconds) s")
                }
            }
        }
        return reasons
    }

    private func reasonOfProgram(_ packet: PacketState) -> String {
        packet.source == packet.destination
            ? "the BPF program matches: source and destination are \(packet.destination)"
            : "the BPF program matches"
    }

    /// The first condition that fails.
    func failure(of rule: Rule, _ packet: PacketState) -> String {
        for condition in HeaderCondition.allCases
        where answer(condition, of: rule, packet) != .holds {
            switch condition {
            case .source:
                return packet.source.map { "source is \($0)" } ?? "source is not known"
            case .destination: return "destination is \(packet.destination)"
            case .inInterface: return input.text("input")
            case .outInterface: return output(of: packet).text("output")
            case .transport: return "protocol is \(packet.transport?.keyword ?? "icmp")"
            }
        }
        for match in rule.matches {
            guard let answer = answer(match, packet), answer != .holds else { continue }
            switch match {
            case .destinationPort:
                return packet.port.map { "port is \($0)" } ?? "it has no port"
            case .connectionState:
                return "the connection is new"
                    + (packet.destinationChanged ? " and translated" : "")
            case .mark: return "the mark is \(packet.mark.hexadecimal)"
            case .sourceIsLocal(let inverted):
                return "the source is \(inverted ? "" : "not ")an address of this node"
            case .destinationIsLocal(let inverted):
                return "the destination is \(inverted ? "" : "not ")an address of this node"
            case .bpf:
                return answer == .fails
                    ? "the BPF program does not match" : "the BPF program is undecided"
            case .set(let name, let sides, let inverted):
                if case .unknown(let why) = answer { return why }
                return text(of: name, sides, packet, isMember: inverted)
            case .ipvs(let inverted):
                return inverted ? "IPVS has taken it" : "IPVS has not taken it"
            case .comment, .random, .recent: continue
            }
        }
        return "the client is not on the list"
    }

    /// `10.96.0.10:80/tcp is in FAIRLEAD-4-X (what the set is for)`.
    func text(
        of name: IPSetName,
        _ sides: [SetDimension],
        _ packet: PacketState,
        isMember: Bool
    ) -> String {
        guard let question = question(to: name, sides, packet) else {
            return "there is no set \(name)"
        }
        let title = question.set.title.map { " (\($0))" } ?? ""
        return "\(question.text) is \(isMember ? "" : "not ")in \(name)\(title)"
    }

    /// What sets contributed to the match; nil if the rule uses none.
    func setReason(for rule: Rule, _ packet: PacketState) -> String? {
        let reasons = rule.matches.compactMap { match -> String? in
            guard case .set(let name, let sides, let inverted) = match else { return nil }
            return text(of: name, sides, packet, isMember: !inverted)
        }
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }
}
