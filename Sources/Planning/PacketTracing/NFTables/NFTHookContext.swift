import Addressing
import DataplaneModel

/// The base chain, and the conditions under which its rules see a packet.
struct NFTHookContext {
    let hook: NFTHook
    let input: InterfaceKnowledge
    let network: NodeNetwork

    /// The result of a condition that uses no set; nil for other statements.
    func answer(_ statement: NFTStatement, _ packet: PacketState) -> ConditionAnswer? {
        switch statement {
        case .address(let side, let prefix, let inverted):
            guard let address = side == .source ? packet.source : packet.destination else {
                if prefix.length == 0 { return ConditionAnswer(true, inverted: inverted) }
                return .unknown("the source after masquerading is unknown")
            }
            return ConditionAnswer(prefix.contains(address), inverted: inverted)
        case .isLocal(let side, let inverted):
            return ConditionAnswer(isLocal(side, packet), inverted: inverted)
        case .inInterface(let match): return input.meets(match, "input")
        case .transports(let transports):
            return ConditionAnswer(packet.transport.map { transports.contains($0) } ?? false)
        case .connectionState(let states): return ConditionAnswer(states.contains(.new))
        case .translated: return ConditionAnswer(packet.destinationChanged)
        case .mark(let mark, let inverted):
            return ConditionAnswer(packet.mark & mark.mask == mark.value, inverted: inverted)
        case .contained, .setPriority, .maskPriority, .setPriorityFromMap, .setMarkBits,
            .clearMarkBits, .update, .delete, .destinationNAT, .masquerade, .reject, .verdict,
            .verdictMap,
            .opaque:
            return nil
        }
    }

    /// Once masqueraded, the source is an address of the node.
    private func isLocal(_ side: NFTSide, _ packet: PacketState) -> Bool {
        switch side {
        case .source: packet.source.map { network.isLocal($0) } ?? true
        case .destination: network.isLocal(packet.destination)
        }
    }

    /// What made a condition hold, if its text does not show it.
    func reason(_ statement: NFTStatement, _ packet: PacketState) -> String? {
        switch statement {
        case .address(let side, let prefix, inverted: true):
            "\(text(side, packet)) is not in \(prefix)"
        case .isLocal(let side, let inverted):
            "\(text(side, packet)) is \(inverted ? "not " : "")an address of this node"
        case .inInterface: input.text("input")
        case .translated: "the destination was translated"
        case .mark: "the mark is \(packet.mark.hexadecimal)"
        default: nil
        }
    }

    /// Why a condition does not hold.
    func failure(_ statement: NFTStatement, _ packet: PacketState) -> String {
        switch statement {
        case .address(let side, _, _): "\(name(side)) is \(text(side, packet))"
        case .isLocal(let side, let inverted):
            "\(text(side, packet)) is \(inverted ? "" : "not ")an address of this node"
        case .inInterface: input.text("input")
        case .transports: "protocol is \(packet.transport?.keyword ?? "icmp")"
        case .connectionState: "the connection is new"
        case .translated: "the destination was not translated"
        case .mark: "the mark is \(packet.mark.hexadecimal)"
        default: "it is not supported"
        }
    }

    private func name(_ side: NFTSide) -> String { side == .source ? "source" : "destination" }

    private func text(_ side: NFTSide, _ packet: PacketState) -> String {
        switch side {
        case .source: packet.source?.description ?? "the masqueraded source"
        case .destination: packet.destination.description
        }
    }

    /// Whether the kernel allows such a statement here; it rejects a table that breaks this.
    func allows(_ statement: NFTStatement) -> Bool {
        switch statement {
        case .destinationNAT: hook.kind == .nat && [.prerouting, .output].contains(hook.place)
        case .masquerade: hook.kind == .nat && hook.place == .postrouting
        case .reject: hook.place != .postrouting
        default: true
        }
    }
}
