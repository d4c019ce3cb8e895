package import Addressing
package import DataplaneModel
package import PacketTracing
package import Planning
import PrintableText
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
        let summary = diff.isEmpty ? "nothing to change" : counted(diff.count, "change")
        return "# \(family.rawValue), socket level: \(summary)\n"
            + SocketRenderer(family: family).render(diff)
    }

    /// Which clients a tracer takes for pods of this node, beside the node itself.
    package enum TracedPods: Sendable {
        /// None is served.
        case none
        /// Those that the settings recognise; without a detector that is unknown of all.
        case recognized
        /// All but the node itself.
        case all
    }

    /// Shows the socket step of clients on this node, and `rules` for what follows.
    package static func tracer(
        _ state: SocketState,
        rules: any FlowTracer,
        network: NodeNetwork,
        settings: PlannerSettings,
        pods: TracedPods
    ) -> any FlowTracer {
        SocketTracer(state, rules: rules, network: network) { packet in
            if network.isLocal(packet.source) { return true }
            return switch pods {
            case .none: false
            case .recognized: settings.isPod(packet)
            case .all: true
            }
        }
    }
}

extension PlannerSettings {
    /// Whether the sender of a packet is a pod of this node, as the detector knows; nil without one.
    fileprivate func isPod(_ packet: TracedPacket) -> Bool? {
        switch detector {
        case .absent: nil
        case .sources(let ranges): ranges.contains { $0.contains(packet.source) }
        case .interface(let name): packet.inputInterface == name
        case .interfacePrefix(let prefix): packet.inputInterface?.hasPrefix(prefix) ?? false
        }
    }
}
