import Addressing
import DataplaneModel

/// One packet on its way through the hooks, in the kernel's order.
struct PacketPassage {
    let context: WalkContext<TracedState, Rule>
    var draft: TraceDraft

    init(of packet: TracedPacket, _ context: WalkContext<TracedState, Rule>) {
        self.context = context
        let unknown = context.state.servers == nil ? "rules" : "rules and virtual servers"
        draft = TraceDraft(packet: packet)
        draft.note("\(unknown) of other programs, and chain policies, are not considered")
    }

    var state: TracedState { context.state }
    private var network: NodeNetwork { context.network }

    mutating func run() {
        let flows = [Flow(packet: PacketState(draft.packet), share: 1)]
        if network.isLocal(draft.packet.source) {
            runLocal(flows)
        } else {
            runForwarded(flows)
        }
    }

    /// Packets sent by a program on the node.
    private mutating func runLocal(_ flows: [Flow]) {
        draft.noteInterfaceOfLocal()
        let marked = pass(.mangle, .output, .absent, flows)
        let translated = pass(.nat, .output, .absent, marked)
        let (stayed, left) = balance(translated, at: .output)
        let filtered = pass(.filter, .output, .absent, stayed)
        leave(filtered + sendAnew(left), .absent)
    }

    /// Packets from a pod or from elsewhere.
    private mutating func runForwarded(_ flows: [Flow]) {
        let input = network.input(of: draft.packet)
        let marked = pass(.mangle, .prerouting, input, flows)
        let translated = pass(.nat, .prerouting, input, marked)
        let toNode = translated.filter { network.isLocal($0.packet.destination) }
        let through = translated.filter { !network.isLocal($0.packet.destination) }

        let examined = pass(.mangle, .input, input, toNode)
        let (stayed, left) = balance(pass(.filter, .input, input, examined), at: .input)
        draft.settle(pass(.nat, .input, input, stayed))

        let routed = pass(.mangle, .forward, input, through)
        let forwarded = pass(.filter, .forward, input, routed) + sendAnew(left)
        leave(forwarded, .leaving)
    }

    /// Out of the node, or back into it over lo.
    private mutating func leave(_ flows: [Flow], _ input: InterfaceKnowledge) {
        let marked = pass(.mangle, .postrouting, input, flows)
        let sent = pass(.nat, .postrouting, input, marked)
        draft.noteMartians(among: sent, network)
        draft.settle(sent.filter { !network.isLocal($0.packet.nextHop) })
        // Neither nat nor IPVS is consulted again for this connection.
        let toNode = sent.filter { network.isLocal($0.packet.nextHop) }
        let loopback = InterfaceKnowledge.named("lo")
        let received = pass(.mangle, .prerouting, loopback, toNode)
        let examined = pass(.mangle, .input, loopback, received)
        draft.settle(pass(.filter, .input, loopback, examined))
    }
}

extension PacketPassage {
    /// Consults one table at one hook; returns the flows that continue.
    mutating func pass(
        _ table: TableName,
        _ chain: BuiltinChain,
        _ input: InterfaceKnowledge,
        _ flows: [Flow]
    ) -> [Flow] {
        if flows.isEmpty || isSkipped(table, chain) { return flows }
        var walk = TableWalk(
            hook: HookContext(
                table: table,
                chain: chain,
                input: input,
                network: network,
                sets: state.sets
            ),
            context: context,
            findings: draft.findings
        )
        walk.run(flows)
        nameService(walk)
        draft.path.append(TraceHook(name: walk.hook.name, steps: walk.steps))
        return draft.settle(walk.ended)
    }

    /// Skips the hooks of mangle that a proxy does not use.
    private func isSkipped(_ table: TableName, _ chain: BuiltinChain) -> Bool {
        table == .mangle && !state.iptables.mangle.jumps.contains { $0.from == chain }
    }
}
