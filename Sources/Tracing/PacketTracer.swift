package import Addressing
package import DataplaneModel

/// Follows packets through legacy iptables as the kernel would, for one family.
///
/// It sees our rules only; those of others and the policies of built-in chains are unknown.
package struct PacketTracer: FlowTracer {
    private let state: IPTablesState
    private let network: NodeNetwork
    private let maximumTests: Int
    private let ruleText: (Rule, IPFamily) -> String

    /// `state` is wanted or observed; `ruleText` renders a rule for the steps. A trace is cut short
    /// when flows times rules exceed `maximumTests`.
    package init(
        _ state: IPTablesState,
        network: NodeNetwork,
        maximumTests: Int = 20_000_000,
        ruleText: @escaping (Rule, IPFamily) -> String
    ) {
        self.state = state
        self.network = network
        self.maximumTests = maximumTests
        self.ruleText = ruleText
    }

    package func trace(_ packet: TracedPacket, detail: TraceDetail = .matches) -> PacketTrace {
        guard packet.source.family == packet.family else {
            let problem = TraceProblem(
                .impossiblePacket,
                "\(packet.source) and \(packet.destination.address) are of different families"
            )
            let outcome = FlowOutcome(FlowResult(.undecided), probability: 1)
            return PacketTrace(packet: packet, outcomes: [outcome], problems: [problem])
        }
        let family = packet.family
        var passage = PacketPassage(
            of: packet,
            through: state,
            network: network,
            detail: detail,
            limits: TableWalk.Limits(tests: maximumTests),
            ruleText: { [ruleText] in ruleText($0, family) }
        )
        passage.run()
        return passage.trace()
    }
}
