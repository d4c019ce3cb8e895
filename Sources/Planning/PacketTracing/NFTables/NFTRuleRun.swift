import DataplaneModel

/// The flows that arrive at one rule, and what it does with them.
struct NFTRuleRun {
    let rule: NFTRule
    /// 0-based.
    let index: Int
    /// Flows that have passed every statement so far.
    var live: [Flow]
    /// Flows that left the rule, at a condition or a map.
    var stopped: [Flow] = []
    /// Flows that got a verdict.
    var verdicts: [(verdict: NFTVerdict, flows: [Flow])] = []
    /// Flows that end here.
    var ended: [(flow: Flow, ending: WalkEnding)] = []
    /// The effects, for the trace.
    var effects: [String] = []
    var reasons: [String] = []
    /// What sets contributed, for the trace.
    var setReasons: [String] = []
    /// Why the first flow left.
    var failure: String?

    /// Flows that reached the end of the rule.
    var completed: [Flow] { live + verdicts.flatMap(\.flows) + ended.map(\.flow) }

    /// The flows the trace reports for the rule, if it reports it.
    var reported: [Flow] {
        let all = completed.isEmpty && !effects.isEmpty ? stopped : completed
        return all.current
    }

    mutating func stop(_ flow: Flow, _ failure: @autoclosure () -> String) {
        stopped.append(flow)
        self.failure = self.failure ?? failure()
    }

    mutating func explain(_ reason: String) {
        if !reasons.contains(reason) { reasons.append(reason) }
    }

    /// Changes the packets of all remaining flows.
    mutating func change(_ effect: String, _ change: (inout PacketState) -> Void) {
        live = live.map { $0.changing(change) }
        effects.append(effect)
    }

    /// Ends all remaining flows.
    mutating func end(_ ending: WalkEnding, _ effect: String? = nil) {
        ended += live.map { ($0, ending) }
        live = []
        if let effect { effects.append(effect) }
    }

    /// Gives all remaining flows a verdict.
    mutating func decide(_ verdict: NFTVerdict) {
        verdicts.append((verdict, live))
        live = []
    }
}

extension [Flow] {
    /// Without flows of clients whose endpoint is gone, unless there are no others.
    var current: [Flow] {
        let current = filter { !$0.isStale }
        return current.isEmpty ? self : current
    }
}

extension Flow {
    /// Belongs to a client whose endpoint is gone.
    var isStale: Bool {
        if case .known(let record) = client { return record.isStale }
        return false
    }
}
