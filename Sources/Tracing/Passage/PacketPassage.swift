import Addressing
import DataplaneModel

/// One packet on its way through the hooks, in the order of the kernel.
struct PacketPassage {
    private let packet: TracedPacket
    private let state: IPTablesState
    private let network: NodeNetwork
    private let detail: TraceDetail
    private let limits: TableWalk.Limits
    private let ruleText: (Rule) -> String
    private var path: [TraceHook] = []
    private var settled: [(flow: Flow, verdict: FlowVerdict)] = []
    private var findings = TraceFindings()
    private var notes = ["rules that are not Fairlead's, and chain policies, are not known here"]

    init(
        of packet: TracedPacket,
        through state: IPTablesState,
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
        let translated = pass(.nat, .output, .absent, flows)
        let filtered = pass(.filter, .output, .absent, translated)
        let sent = pass(.nat, .postrouting, .absent, filtered)
        let martians = sent.filter {
            guard let source = $0.packet.source else { return false }
            return source.isLoopback && !network.isLocal($0.packet.destination)
        }
        if !martians.isEmpty {
            notes.append("a packet from \(packet.source) that leaves the node is lost as a martian")
        }
        // To the node itself: through lo, where nat is not asked again for this connection.
        let toNode = sent.filter { network.isLocal($0.packet.destination) }
        settle(sent.filter { !network.isLocal($0.packet.destination) })
        settle(pass(.filter, .input, .named("lo"), toNode))
    }

    /// Come in from a pod or from elsewhere.
    private mutating func runForwarded(_ flows: [Flow]) {
        let name = packet.inputInterface ?? network.interface(toward: packet.source)
        let input = name.map { InterfaceKnowledge.named($0) } ?? .unknown("none was given")
        let translated = pass(.nat, .prerouting, input, flows)
        let toNode = translated.filter { network.isLocal($0.packet.destination) }
        let through = translated.filter { !network.isLocal($0.packet.destination) }
        let accepted = pass(.filter, .input, input, toNode)
        settle(pass(.nat, .input, input, accepted))
        let forwarded = pass(.filter, .forward, input, through)
        let postrouting = InterfaceKnowledge.unknown("kernels before 5.7 have none here")
        settle(pass(.nat, .postrouting, postrouting, forwarded))
    }

    /// Consults one table at one hook; the result is what goes on.
    private mutating func pass(
        _ table: TableName,
        _ chain: BuiltinChain,
        _ input: InterfaceKnowledge,
        _ flows: [Flow]
    ) -> [Flow] {
        if flows.isEmpty { return [] }
        var walk = TableWalk(
            HookContext(table: table, chain: chain, input: input, network: network),
            over: state[table],
            detail: detail,
            limits: limits,
            findings: findings,
            ruleText: ruleText
        )
        walk.run(flows)
        findings = walk.findings
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

    private mutating func settle(_ flows: [Flow]) {
        settled += flows.map {
            ($0, $0.packet.endpoint.map { .delivered($0) } ?? .untouched)
        }
    }
}

extension PacketPassage {
    func trace() -> PacketTrace {
        var shares: [FlowResult: Double] = [:]
        var returning: Set<FlowResult> = []
        for (flow, verdict) in settled {
            let result = Self.result(flow, verdict)
            if flow.isReturning {
                returning.insert(result)
            } else {
                shares[result, default: 0] += flow.share
            }
        }
        let outcomes = shares.map { FlowOutcome($0.key, probability: $0.value) }
        return PacketTrace(
            packet: packet,
            outcomes: outcomes.sorted { $0.result < $1.result },
            affinity: findings.affinitySeconds.map {
                FlowAffinity(timeoutSeconds: $0, returning: returning.sorted())
            },
            title: findings.title,
            reason: findings.reason,
            path: path,
            problems: findings.problems + affinityProblems(),
            notes: notes
        )
    }

    private static func result(_ flow: Flow, _ verdict: FlowVerdict) -> FlowResult {
        switch verdict {
        case .delivered, .untouched: FlowResult(verdict, masqueraded: flow.packet.masqueraded)
        case .rejected, .dropped, .undecided: FlowResult(verdict)
        }
    }

    /// A new client has to be put on the list that leads it to the same end the next time.
    private func affinityProblems() -> [TraceProblem] {
        guard findings.affinitySeconds != nil else { return [] }
        var ends: [String: FlowResult] = [:]
        for case (let flow, let verdict) in settled {
            if case .known(let list) = flow.client { ends[list] = Self.result(flow, verdict) }
        }
        var problems: [TraceProblem] = []
        for (flow, verdict) in settled {
            guard case .new(let remembered) = flow.client, case .delivered(let endpoint) = verdict,
                !remembered.contains(where: { ends[$0] == Self.result(flow, verdict) })
            else { continue }
            problems.append(
                TraceProblem(.affinity, "a client sent to \(endpoint) does not come back to it")
            )
        }
        return problems
    }
}
