import Addressing
import DataplaneModel

/// What of a mode's state decides about packets.
struct TracedState {
    var iptables: IPTablesState
    var sets: [IPSetName: IPSet] = [:]
    /// Nil in a mode without IPVS.
    var servers: VirtualServerChoice?
}

/// One packet on its way through the hooks, in the order of the kernel.
struct PacketPassage {
    let packet: TracedPacket
    let state: TracedState
    let network: NodeNetwork
    let detail: TraceDetail
    let limits: TableWalk.Limits
    let ruleText: (Rule) -> String
    var path: [TraceHook] = []
    var settled: [(flow: Flow, verdict: FlowVerdict)] = []
    var findings = TraceFindings()
    var notes: [String]

    init(
        of packet: TracedPacket,
        through state: TracedState,
        network: NodeNetwork,
        detail: TraceDetail,
        limits: TableWalk.Limits,
        ruleText: @escaping (Rule) -> String
    ) {
        self.packet = packet
        self.state = state
        self.network = network
        self.detail = detail
        self.limits = limits
        self.ruleText = ruleText
        let unknown = state.servers == nil ? "rules" : "rules and virtual servers"
        notes = ["\(unknown) that are not Fairlead's, and chain policies, are not known here"]
    }

    mutating func run() {
        let flows = [Flow(packet: PacketState(packet), share: 1)]
        if network.isLocal(packet.source) {
            runLocal(flows)
        } else {
            runForwarded(flows)
        }
    }

    /// Sent by a program on the node.
    private mutating func runLocal(_ flows: [Flow]) {
        if let interface = packet.inputInterface, interface != "lo" {
            notes.append("the source is an address of this node, so \(interface) is not looked at")
        }
        let marked = pass(.mangle, .output, .absent, flows)
        let translated = pass(.nat, .output, .absent, marked)
        let (stayed, left) = balance(translated, at: .output)
        let filtered = pass(.filter, .output, .absent, stayed)
        leave(filtered + sendAnew(left), .absent)
    }

    /// Come in from a pod or from elsewhere.
    private mutating func runForwarded(_ flows: [Flow]) {
        let name = packet.inputInterface ?? network.interface(toward: packet.source)
        let input = name.map { InterfaceKnowledge.named($0) } ?? .unknown("none was given")
        let marked = pass(.mangle, .prerouting, input, flows)
        let translated = pass(.nat, .prerouting, input, marked)
        let toNode = translated.filter { network.isLocal($0.packet.destination) }
        let through = translated.filter { !network.isLocal($0.packet.destination) }

        let examined = pass(.mangle, .input, input, toNode)
        let (stayed, left) = balance(pass(.filter, .input, input, examined), at: .input)
        settle(pass(.nat, .input, input, stayed))

        let routed = pass(.mangle, .forward, input, through)
        let forwarded = pass(.filter, .forward, input, routed) + sendAnew(left)
        leave(forwarded, .unknown("kernels before 5.7 have none here"))
    }

    /// Out of the node, or over lo into it.
    private mutating func leave(_ flows: [Flow], _ input: InterfaceKnowledge) {
        let marked = pass(.mangle, .postrouting, input, flows)
        let sent = pass(.nat, .postrouting, input, marked)
        let martians = sent.filter {
            guard let source = $0.packet.source else { return false }
            return source.isLoopback && !network.isLocal($0.packet.nextHop)
        }
        if !martians.isEmpty {
            notes.append("a packet from \(packet.source) that leaves the node is lost as a martian")
        }
        settle(sent.filter { !network.isLocal($0.packet.nextHop) })
        // Neither nat nor IPVS is asked again for this connection.
        let toNode = sent.filter { network.isLocal($0.packet.nextHop) }
        let loopback = InterfaceKnowledge.named("lo")
        let received = pass(.mangle, .prerouting, loopback, toNode)
        let examined = pass(.mangle, .input, loopback, received)
        settle(pass(.filter, .input, loopback, examined))
    }

    private mutating func settle(_ flows: [Flow]) {
        settled += flows.map {
            ($0, $0.packet.endpoint.map { .delivered($0) } ?? .untouched)
        }
    }
}

extension PacketPassage {
    /// Consults one table at one hook; the result is what goes on.
    mutating func pass(
        _ table: TableName,
        _ chain: BuiltinChain,
        _ input: InterfaceKnowledge,
        _ flows: [Flow]
    ) -> [Flow] {
        if flows.isEmpty || isSkipped(table, chain) { return flows }
        var walk = TableWalk(
            HookContext(
                table: table,
                chain: chain,
                input: input,
                network: network,
                sets: state.sets
            ),
            over: state.iptables[table],
            detail: detail,
            limits: limits,
            findings: findings,
            ruleText: ruleText
        )
        walk.run(flows)
        nameService(walk)
        path.append(TraceHook(name: walk.context.name, steps: walk.steps))
        var passed: [Flow] = []
        for (flow, ending) in walk.ended {
            switch ending {
            case .accepted: passed.append(flow)
            case .dropped: settled.append((flow, .dropped))
            case .rejected: settled.append((flow, .rejected))
            case .undecided: settled.append((flow, .undecided))
            }
        }
        return passed.merged()
    }

    /// Most hooks of mangle are nothing to a proxy.
    private func isSkipped(_ table: TableName, _ chain: BuiltinChain) -> Bool {
        table == .mangle && !state.iptables.mangle.jumps.contains { $0.from == chain }
    }
}
