import DataplaneModel

/// What becomes of the flows that come to one rule.
struct NFTRuleRun {
    let rule: NFTRule
    /// From 0 on.
    let index: Int
    /// Those that have taken every statement so far.
    var live: [Flow]
    /// Those that left the rule, at a condition or a map.
    var stopped: [Flow] = []
    /// Those that came to a verdict.
    var verdicts: [(verdict: NFTVerdict, flows: [Flow])] = []
    /// Those that end here.
    var ended: [(flow: Flow, ending: WalkEnding)] = []
    /// What was done, for people.
    var effects: [String] = []
    var reasons: [String] = []
    /// What sets said, for people.
    var setReasons: [String] = []
    /// Why the first flow left.
    var failure: String?

    init(_ rule: NFTRule, _ index: Int, _ flows: [Flow]) {
        self.rule = rule
        self.index = index
        live = flows
    }

    /// Those that came to the end of the rule.
    var completed: [Flow] { live + verdicts.flatMap(\.flows) + ended.map(\.flow) }

    /// Those of which the rule is told, if it is told.
    var told: [Flow] {
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

    /// Changes the packets of all flows that are still there.
    mutating func change(_ effect: String, _ change: (inout PacketState) -> Void) {
        live = live.map { $0.changing(change) }
        effects.append(effect)
    }

    /// All flows that are still there come to their end.
    mutating func end(_ ending: WalkEnding, _ effect: String? = nil) {
        ended += live.map { ($0, ending) }
        live = []
        if let effect { effects.append(effect) }
    }

    /// All flows that are still there come to a verdict.
    mutating func take(_ verdict: NFTVerdict) {
        verdicts.append((verdict, live))
        live = []
    }
}

extension [Flow] {
    /// Without those of clients whose endpoint is gone, unless there are no others.
    var current: [Flow] {
        let current = filter { !$0.isStale }
        return current.isEmpty ? self : current
    }
}

extension Flow {
    /// Of a client whose endpoint is gone.
    var isStale: Bool {
        if case .known(let record) = client { return record.isStale }
        return false
    }
}
