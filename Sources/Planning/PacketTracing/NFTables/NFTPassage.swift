import Addressing
import DataplaneModel

/// One packet on its way through the hooks, in the kernel's order.
struct NFTPassage {
    let input: WalkContext<NFTablesState, NFTRule>
    /// The possible content of dynamic maps when the packet arrives.
    let known: DynamicElements
    /// The possible content afterwards.
    private(set) var learnt: DynamicElements
    var draft: TraceDraft

    init(
        of packet: TracedPacket,
        _ input: WalkContext<NFTablesState, NFTRule>,
        known: DynamicElements
    ) {
        self.input = input
        self.known = known
        learnt = known
        draft = TraceDraft(packet: packet)
        draft.note("rules of other programs are not considered")
    }

    private var network: NodeNetwork { input.network }

    mutating func run() {
        reportTable()
        let flows = [Flow(packet: PacketState(draft.packet), share: 1)]
        if network.isLocal(draft.packet.source) {
            runLocal(flows)
        } else {
            runForwarded(flows)
        }
        for map in learnt.neverFilled {
            let message = "rules look up clients in \(map), but no rule adds them"
            draft.findings.report(TraceProblem(.affinity, message))
        }
    }

    private mutating func reportTable() {
        guard input.state.table == .altered else { return }
        let message = "the table has unexpected flags, its chains may not be called"
        draft.findings.report(TraceProblem(.undecidable, message))
    }

    /// Packets sent by a program on the node.
    private mutating func runLocal(_ flows: [Flow]) {
        draft.noteInterfaceOfLocal()
        leave(pass(.output, .absent, flows), .absent)
    }

    /// Packets from a pod or from elsewhere.
    private mutating func runForwarded(_ flows: [Flow]) {
        let origin = network.input(of: draft.packet)
        let translated = pass(.prerouting, origin, flows)
        let toNode = translated.filter { network.isLocal($0.packet.destination) }
        let through = translated.filter { !network.isLocal($0.packet.destination) }
        draft.settle(pass(.input, origin, toNode))
        leave(pass(.forward, origin, through.map(\.forwarded)), .leaving)
    }

    /// Out of the node, or back into it over lo.
    private mutating func leave(_ flows: [Flow], _ origin: InterfaceKnowledge) {
        let sent = pass(.postrouting, origin, flows)
        draft.noteMartians(among: sent, network)
        let outside = sent.filter { !network.isLocal($0.packet.destination) }
        if outside.contains(where: { $0.packet.priority != 0 }) {
            draft.note("meta priority keeps a value of the rules as the packet leaves the node")
        }
        draft.settle(outside)
        // nat is not consulted again for this connection.
        let toNode = sent.filter { network.isLocal($0.packet.destination) }
        let loopback = InterfaceKnowledge.named("lo")
        let received = pass(.prerouting, loopback, toNode, asksNAT: false)
        draft.settle(pass(.input, loopback, received, asksNAT: false))
    }
}

extension NFTPassage {
    /// Calls the base chains of one hook; returns the flows that continue.
    private mutating func pass(
        _ place: NFTHook.Place,
        _ origin: InterfaceKnowledge,
        _ flows: [Flow],
        asksNAT: Bool = true
    ) -> [Flow] {
        var flows = flows
        for (chain, hook) in chains(at: place) where asksNAT || hook.kind != .nat {
            // A chain that translated was the last of its type.
            let settled = flows.filter { hook.kind == .nat && $0.packet.isTranslated(at: place) }
            let open = flows.filter { hook.kind != .nat || !$0.packet.isTranslated(at: place) }
            if open.isEmpty { continue }
            let context = NFTHookContext(hook: hook, input: origin, network: network)
            flows = settled + pass(chain, context, open)
        }
        return flows
    }

    private mutating func pass(
        _ chain: NFTChain,
        _ context: NFTHookContext,
        _ flows: [Flow]
    ) -> [Flow] {
        var walk = NFTWalk(
            base: chain,
            context: context,
            input: input,
            known: known,
            findings: draft.findings,
            learnt: learnt
        )
        walk.run(flows)
        draft.findings = walk.findings
        learnt = walk.learnt
        draft.path.append(TraceHook(name: context.hook.text(of: chain.name), steps: walk.steps))
        for note in walk.notes { draft.note(note) }
        return draft.settle(walk.ended)
    }

    private func chains(at place: NFTHook.Place) -> [(NFTChain, NFTHook)] {
        guard input.state.table != .absent else { return [] }
        let called = input.state.chains.values.compactMap { chain in
            chain.hook.map { (chain, $0) }
        }
        return called.filter { $0.1.place == place }.sorted { left, right in
            (left.1.rank, left.1.kind.rawValue, left.1.priority, left.0.name)
                < (right.1.rank, right.1.kind.rawValue, right.1.priority, right.0.name)
        }
    }
}

extension NFTHook {
    /// Order among all chains of the hook. Chains of type nat are called where nat is, whatever
    /// their priority, which only orders them among each other (`nf_nat_register_fn`).
    fileprivate var rank: Int32 {
        switch (kind, place) {
        case (.filter, _), (.route, _): priority
        case (.nat, .prerouting), (.nat, .output): -100
        case (.nat, _): 100
        }
    }

    /// `nat-prerouting (nat prerouting, priority -100)`.
    fileprivate func text(of chain: NFTChainName) -> String {
        "\(chain) (\(kind.rawValue) \(place.rawValue), priority \(priority))"
    }
}

extension PacketState {
    /// Whether nat has done all it can at this hook.
    fileprivate func isTranslated(at place: NFTHook.Place) -> Bool {
        switch place {
        case .prerouting, .output: endpoint != nil
        case .input, .forward, .postrouting: masqueraded
        }
    }
}

extension Flow {
    /// The flow after routing to another host.
    fileprivate var forwarded: Flow {
        // `ip_forward` sets it from the type of service; `ip6_forward` does not.
        changing { if $0.destination.family == .ipv4 { $0.priority = 0 } }
    }
}
