package import Addressing
package import DataplaneModel

/// Traces packets through Fairlead's nftables table of one family, as the kernel (6.1 and later)
/// would process them.
///
/// Tables of other programs are not considered.
package struct NFTablesTracer: FlowTracer {
    /// Base chain and 15 nested chains (`NFT_JUMP_STACK_SIZE`).
    private static let maximumDepth = 15
    /// How often a trace is repeated for returning clients. The second time they have what rules
    /// remember about a new client; more is learnt only from rules that derive more from that.
    private static let maximumRounds = 5

    private let state: NFTablesState
    private let network: NodeNetwork
    private let maximumTests: Int
    private let title: (UInt32) -> String?
    private let ruleText: (NFTRule, IPFamily) -> String

    /// `state` is desired or observed; `ruleText` renders a rule for the steps. A trace stops early
    /// when flows times rules and buckets exceed `maximumTests`.
    ///
    /// `title` names the Service whose endpoints a value of `meta priority` selects: the packet's
    /// value at the rule that translates it.
    package init(
        _ state: NFTablesState,
        network: NodeNetwork,
        maximumTests: Int = 20_000_000,
        title: @escaping (UInt32) -> String? = { _ in nil },
        ruleText: @escaping (NFTRule, IPFamily) -> String
    ) {
        self.state = state
        self.network = network
        self.maximumTests = maximumTests
        self.title = title
        self.ruleText = ruleText
    }

    package func trace(_ packet: TracedPacket, detail: TraceDetail = .matches) -> PacketTrace {
        if let impossible = PacketTrace(impossible: packet) { return impossible }
        let family = packet.family
        let input = WalkContext(
            state: state,
            network: network,
            detail: detail,
            depthLimit: Self.maximumDepth,
            testLimit: maximumTests,
            ruleText: { [ruleText] in ruleText($0, family) },
            title: title
        )
        var known = DynamicElements()
        var rounds = 0
        while true {
            var passage = NFTPassage(of: packet, input, known: known)
            passage.run()
            rounds += 1
            if passage.learnt == known { return passage.draft.trace() }
            if rounds == Self.maximumRounds {
                passage.draft.findings.report(
                    TraceProblem(
                        .limit,
                        "not everything that rules remember about clients was traced"
                    )
                )
                return passage.draft.trace()
            }
            known = passage.learnt
        }
    }
}
