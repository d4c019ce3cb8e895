package import Addressing
package import DataplaneModel

/// Traces packets through legacy iptables, and IPVS in ipvs mode, as the kernel (6.1 and later)
/// would process them, for one family.
///
/// Only Fairlead's rules are considered; others, and the policies of built-in chains, are unknown.
package struct PacketTracer: FlowTracer {
    private let state: TracedState
    private let network: NodeNetwork
    private let maximumTests: Int
    private let ruleText: (Rule, IPFamily) -> String

    /// `state` is desired or observed; `ruleText` renders a rule for the steps. A trace stops early
    /// when flows times rules exceed `maximumTests`.
    package init(
        _ state: IPTablesState,
        network: NodeNetwork,
        maximumTests: Int = 20_000_000,
        ruleText: @escaping (Rule, IPFamily) -> String
    ) {
        self.init(TracedState(iptables: state), network, maximumTests, ruleText)
    }

    /// The same for ipvs mode; bound addresses are local without being in `network`.
    package init(
        _ state: IPVSState,
        network: NodeNetwork,
        maximumTests: Int = 20_000_000,
        ruleText: @escaping (Rule, IPFamily) -> String
    ) {
        let traced = TracedState(
            iptables: state.iptables,
            sets: state.sets,
            servers: VirtualServerChoice(among: state.servers)
        )
        self.init(traced, network.adding(state.binding), maximumTests, ruleText)
    }

    private init(
        _ state: TracedState,
        _ network: NodeNetwork,
        _ maximumTests: Int,
        _ ruleText: @escaping (Rule, IPFamily) -> String
    ) {
        self.state = state
        self.network = network
        self.maximumTests = maximumTests
        self.ruleText = ruleText
    }

    package func trace(_ packet: TracedPacket, detail: TraceDetail = .matches) -> PacketTrace {
        if let impossible = PacketTrace(impossible: packet) { return impossible }
        let family = packet.family
        let context = WalkContext(
            state: state,
            network: network,
            detail: detail,
            limits: WalkLimits(depth: 100, tests: maximumTests),
            ruleText: { [ruleText] in ruleText($0, family) }
        )
        var passage = PacketPassage(of: packet, context)
        passage.run()
        return passage.draft.trace()
    }
}
