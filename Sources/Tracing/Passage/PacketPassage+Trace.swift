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
