import Addressing
import DataplaneModel

/// The table and hook, and the conditions under which its rules see a packet.
struct HookContext {
    let table: TableName
    let chain: BuiltinChain
    let input: InterfaceKnowledge
    let network: NodeNetwork
    /// The sets that rules can use.
    let sets: [IPSetName: IPSet]

    /// `nat PREROUTING`.
    var name: String { "\(table.rawValue) \(chain.rawValue)" }

    /// The output interface of a packet, by its current destination.
    func output(of packet: PacketState) -> InterfaceKnowledge {
        switch chain {
        case .prerouting, .input: .absent
        case .forward, .output, .postrouting:
            network.interface(toward: packet.nextHop).map { .named($0) }
                ?? .unknown("no known link leads to \(packet.nextHop)")
        }
    }
}

/// The conditions of a rule that are not match extensions.
enum HeaderCondition: CaseIterable {
    case source
    case destination
    case inInterface
    case outInterface
    case transport
}

extension HookContext {
    /// Whether all header conditions hold; a failing one outweighs an undecidable one.
    func header(of rule: Rule, meets packet: PacketState) -> ConditionAnswer {
        var result = ConditionAnswer.holds
        for condition in HeaderCondition.allCases {
            let answer = answer(condition, of: rule, packet)
            switch answer {
            case .holds: continue
            case .fails: return .fails
            case .unknown, .missingSet: result = answer
            }
        }
        return result
    }

    /// Whether some condition of the rule certainly fails, whatever the others do.
    func surelyFails(_ rule: Rule, _ packet: PacketState) -> Bool {
        header(of: rule, meets: packet) == .fails
            || rule.matches.contains { answer($0, packet) == .fails }
    }

    func answer(
        _ condition: HeaderCondition,
        of rule: Rule,
        _ packet: PacketState
    ) -> ConditionAnswer {
        switch condition {
        case .source:
            guard let match = rule.source else { return .holds }
            guard let source = packet.source else {
                if match.prefix.length == 0 {
                    return ConditionAnswer(true, inverted: match.inverted)
                }
                return .unknown("the source after masquerading is unknown")
            }
            return ConditionAnswer(match.prefix.contains(source), inverted: match.inverted)
        case .destination:
            guard let match = rule.destination else { return .holds }
            return ConditionAnswer(
                match.prefix.contains(packet.destination),
                inverted: match.inverted
            )
        case .inInterface:
            return rule.inInterface.map { input.meets($0, "input") } ?? .holds
        case .outInterface:
            return rule.outInterface.map { output(of: packet).meets($0, "output") } ?? .holds
        case .transport:
            return ConditionAnswer(rule.transport == nil || rule.transport == packet.transport)
        }
    }

    /// The result of a match that neither branches nor has effects; nil for the others.
    func answer(_ match: Match, _ packet: PacketState) -> ConditionAnswer? {
        switch match {
        case .destinationPort(let transport, let range):
            let inRange = packet.port.map { range.contains($0.value) } ?? false
            return ConditionAnswer(inRange && packet.transport == transport)
        case .connectionState(let states, let inverted):
            var state = ConnectionState.new
            if packet.destinationChanged { state.insert(.dnat) }
            return ConditionAnswer(!states.isDisjoint(with: state), inverted: inverted)
        case .mark(let mark, let inverted):
            return ConditionAnswer(packet.mark & mark.mask == mark.value, inverted: inverted)
        case .sourceIsLocal(let inverted):
            let local = packet.source.map { network.isLocal($0) } ?? true
            return ConditionAnswer(local, inverted: inverted)
        case .destinationIsLocal(let inverted):
            return ConditionAnswer(network.isLocal(packet.destination), inverted: inverted)
        case .bpf(let program):
            switch ClassicBPF.run(program, over: packet.networkBytes) {
            case .value(let value): return ConditionAnswer(value != 0)
            case .undecidable(let reason): return .unknown("the BPF program: \(reason)")
            }
        case .set(let name, let sides, let inverted):
            switch question(to: name, sides, packet)?.answer {
            case nil: return .missingSet(name.text)
            case .member: return ConditionAnswer(true, inverted: inverted)
            case .absent: return ConditionAnswer(false, inverted: inverted)
            case .unknown(let why): return .unknown(why)
            }
        case .ipvs(let inverted):
            return ConditionAnswer(packet.takenByIPVS, inverted: inverted)
        case .comment: return .holds
        case .random, .recent: return nil
        }
    }
    /// Nil if there is no such set.
    func question(
        to name: IPSetName,
        _ sides: [SetDimension],
        _ packet: PacketState
    ) -> SetQuestion? {
        sets[name].map { SetQuestion(set: $0, sides: sides, packet: packet) }
    }
}
