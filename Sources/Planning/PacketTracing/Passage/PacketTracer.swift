package import Addressing
package import DataplaneModel

/// Traces packets through legacy iptables, and IPVS in ipvs mode, as the kernel (6.1 and later)
/// would process them, for one family.
///
/// Only Fairlead's rules are considered; others, and the policies of built-in chains, are unknown.
package struct PacketTracer: FlowTracer {
    fileprivate let state: TracedState
    fileprivate let network: NodeNetwork
    fileprivate let maximumTests: Int
    fileprivate let ruleText: (Rule, IPFamily) -> String

    package func trace(_ packet: TracedPacket, detail: TraceDetail = .matches) -> PacketTrace {
        if let impossible = PacketTrace(impossible: packet) { return impossible }
        let family = packet.family
        let context = WalkContext(
            state: state,
            network: network,
            detail: detail,
            depthLimit: 100,
            testLimit: maximumTests,
            ruleText: { [ruleText] in ruleText($0, family) }
        )
        var passage = PacketPassage(of: packet, context)
        passage.run()
        return passage.draft.trace()
    }
}

extension PacketTracer {
    /// `state` is desired or observed; `ruleText` renders a rule for the steps. A trace stops early
    /// when flows times rules exceed `maximumTests`.
    package init(
        _ state: IPTablesState,
        network: NodeNetwork,
        maximumTests: Int = 20_000_000,
        ruleText: @escaping (Rule, IPFamily) -> String
    ) {
        self.init(
            state: TracedState(iptables: state),
            network: network,
            maximumTests: maximumTests,
            ruleText: ruleText
        )
    }

    /// The same for ipvs mode; bound addresses are local without being in `network`.
    package init(
        _ state: IPVSState,
        network: NodeNetwork,
        maximumTests: Int = 20_000_000,
        ruleText: @escaping (Rule, IPFamily) -> String
    ) {
        let servers = VirtualServerChoice(servers: state.servers)
        self.init(
            state: TracedState(iptables: state.iptables, sets: state.sets, servers: servers),
            network: network.adding(state.binding),
            maximumTests: maximumTests,
            ruleText: ruleText
        )
    }
}
