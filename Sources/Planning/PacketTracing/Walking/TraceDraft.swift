import Addressing

/// The parts of a trace, collected on the packet's way.
struct TraceDraft {
    let packet: TracedPacket
    var path: [TraceHook] = []
    var settled: [(flow: Flow, verdict: FlowVerdict)] = []
    var findings = TraceFindings()
    private(set) var notes: [String] = []

    /// Adds a note once.
    mutating func note(_ text: String) {
        if !notes.contains(text) { notes.append(text) }
    }

    /// The flows have reached their destination.
    mutating func settle(_ flows: [Flow]) {
        settled += flows.map { ($0, $0.packet.endpoint.map { .delivered($0) } ?? .untouched) }
    }

    /// The flows that a walk let through; the others have ended.
    mutating func settle(
        _ ended: [(flow: Flow, ending: WalkEnding)]
    ) -> [Flow] {
        var passed: [Flow] = []
        for (flow, ending) in ended {
            switch ending {
            case .accepted: passed.append(flow)
            case .dropped: settled.append((flow, .dropped))
            case .rejected: settled.append((flow, .rejected))
            case .undecided: settled.append((flow, .undecided))
            }
        }
        return passed.merged()
    }
}

extension TraceDraft {
    /// A packet of the node itself has no input interface.
    mutating func noteInterfaceOfLocal() {
        guard let interface = packet.inputInterface, interface != "lo" else { return }
        note("the source is an address of this node, so \(interface) is ignored")
    }

    /// Notes loopback sources that leave the node.
    mutating func noteMartians(among sent: [Flow], _ network: NodeNetwork) {
        let martians = sent.filter {
            guard let source = $0.packet.source else { return false }
            return source.isLoopback && !network.isLocal($0.packet.nextHop)
        }
        if martians.isEmpty { return }
        note("a packet from \(packet.source) that leaves the node is dropped as a martian")
    }
}

extension TraceDraft {
    func trace() -> PacketTrace {
        var shares: [FlowResult: Double] = [:]
        var returning: Set<FlowResult> = []
        for (flow, verdict) in settled {
            let result = Self.result(flow, verdict)
            switch flow.client {
            case .known(let record): if !record.isStale { returning.insert(result) }
            case .new: shares[result, default: 0] += flow.share
            }
        }
        let outcomes = shares.map { FlowOutcome(result: $0.key, probability: $0.value) }
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

    /// Some new client reaches an endpoint.
    private var isDelivered: Bool {
        settled.contains {
            !$0.flow.isReturning && Self.result($0.flow, $0.verdict).endpoint != nil
        }
    }

    private static func result(_ flow: Flow, _ verdict: FlowVerdict) -> FlowResult {
        switch verdict {
        case .delivered, .untouched: FlowResult(verdict, masqueraded: flow.packet.masqueraded)
        case .rejected, .dropped, .undecided: FlowResult(verdict)
        }
    }

    /// Such a client has to be removed from the record on its way.
    private static let staleProblem = TraceProblem(
        .affinity,
        "a client whose endpoint is gone does not keep the new endpoint it gets"
    )

    /// A new client has to be recorded so that it reaches the same endpoint the next time.
    private func affinityProblems() -> [TraceProblem] {
        guard findings.affinitySeconds != nil else { return [] }
        var ends: [ClientRecord: FlowResult] = [:]
        for case (let flow, let verdict) in settled {
            if case .known(let record) = flow.client { ends[record] = Self.result(flow, verdict) }
        }
        var problems: [TraceProblem] = []
        for (flow, verdict) in settled {
            guard case .new(let records) = flow.client, case .delivered(let endpoint) = verdict,
                !records.contains(where: { ends[$0] == Self.result(flow, verdict) })
            else { continue }
            problems.append(
                TraceProblem(.affinity, "a client sent to \(endpoint) does not return to it")
            )
        }
        if isDelivered, ends.keys.contains(where: \.isStale) { problems.append(Self.staleProblem) }
        return problems
    }
}

extension PacketTrace {
    /// For a packet that cannot exist; nil if it can.
    init?(impossible packet: TracedPacket) {
        if packet.source.family == packet.family { return nil }
        let problem = TraceProblem(
            .impossiblePacket,
            "\(packet.source) and \(packet.destination.address) are of different families"
        )
        let outcome = FlowOutcome(result: FlowResult(.undecided), probability: 1)
        self.init(packet: packet, outcomes: [outcome], problems: [problem])
    }
}
