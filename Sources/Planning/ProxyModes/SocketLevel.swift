package import Addressing
package import DataplaneModel
package import PacketTracing
package import Planning
import ServiceModel

/// The socket level beside any mode, as far as it is pure.
package enum SocketLevel {
    /// A plan as `fairlead plan` prints it below the mode's.
    package static func plan(_ state: SocketState, _ family: IPFamily) -> String {
        "# Fairlead's socket level for \(family.rawValue)\n"
            + SocketRenderer(family: family).render(state)
    }

    /// A change as `fairlead plan --diff` prints it below the mode's.
    package static func changes(_ diff: SocketDiff, _ family: IPFamily) -> String {
        let summary = diff.isEmpty ? "nothing to change" : "\(diff.count) changes"
        return "# \(family.rawValue), socket level: \(summary)\n"
            + SocketRenderer(family: family).render(diff)
    }

    /// Shows the socket step of clients on this node, and `rules` for what follows. With `pods`, clients
    /// are the pods that the settings recognise, too.
    package static func tracer(
        _ state: SocketState,
        rules: any FlowTracer,
        network: NodeNetwork,
        settings: PlannerSettings,
        pods: Bool
    ) -> any FlowTracer {
        SocketTracer(state, rules: rules, network: network) { packet in
            network.isLocal(packet.source) || pods && settings.isPod(packet)
        }
    }
}

extension PlannerSettings {
    /// Whether the sender of a packet is a pod of this node, as far as the detector knows.
    fileprivate func isPod(_ packet: TracedPacket) -> Bool {
        switch detector {
        case .absent: false
        case .sources(let ranges): ranges.contains { $0.contains(packet.source) }
        case .interface(let name): packet.inputInterface == name
        case .interfacePrefix(let prefix): packet.inputInterface?.hasPrefix(prefix) ?? false
        }
    }
}
