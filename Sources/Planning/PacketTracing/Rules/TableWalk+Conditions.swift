import DataplaneModel

extension TableWalk {
    /// Evaluates the conditions in order.
    mutating func test(
        _ rule: Rule,
        _ flows: [Flow],
        at place: Place,
        _ index: Int
    ) -> (matched: [Flow], unmatched: [Flow]) {
        var matched: [Flow] = []
        var unmatched: [Flow] = []
        for flow in flows {
            let answer = hook.header(of: rule, meets: flow.packet)
            if answer == .holds {
                matched.append(flow)
            } else {
                report(answer, rule, flow, at: place, index)
                unmatched.append(flow)
            }
        }
        for match in rule.matches where !matched.isEmpty {
            let candidates = matched
            matched = []
            for flow in candidates {
                let (hit, miss) = split(flow, by: match, of: rule, at: place, index)
                if let hit { matched.append(hit) }
                if let miss { unmatched.append(miss) }
            }
        }
        return (matched, unmatched)
    }

    private mutating func split(
        _ flow: Flow,
        by match: Match,
        of rule: Rule,
        at place: Place,
        _ index: Int
    ) -> (hit: Flow?, miss: Flow?) {
        switch match {
        case .random(let probability):
            let fraction = min(1, probability.fraction)
            var (hit, miss) = (flow, flow)
            hit.share *= fraction
            miss.share *= 1 - fraction
            return (fraction > 0 ? hit : nil, fraction < 1 ? miss : nil)
        case .recent(let recent): return split(flow, by: recent)
        default: break
        }
        guard let answer = hook.answer(match, flow.packet), answer != .holds else {
            return (flow, nil)
        }
        report(answer, rule, flow, at: place, index)
        return (nil, flow)
    }

    private mutating func split(_ flow: Flow, by recent: RecentMatch) -> (hit: Flow?, miss: Flow?) {
        let record = ClientRecord.list(recent.list)
        switch (recent.action, flow.client) {
        case (.set, _): return (flow.put(on: record), nil)
        case (.update, .known(let known)): return known == record ? (flow, nil) : (nil, flow)
        case (.update(let seconds), .new(let records)):
            // Already on the list, by a rule this same packet met.
            if records.contains(record) { return (flow, nil) }
            findings.affinitySeconds = findings.affinitySeconds ?? seconds
            return (flow.returning(record), flow)
        }
    }

    /// An undecidable condition does not matter if the rule fails anyway.
    private mutating func report(
        _ answer: ConditionAnswer,
        _ rule: Rule,
        _ flow: Flow,
        at place: Place,
        _ index: Int
    ) {
        switch answer {
        case .holds, .fails: break
        case .missingSet(let name): reportMissing(name, at: place, index)
        case .unknown(let why):
            if hook.surelyFails(rule, flow.packet) { return }
            findings.report(
                TraceProblem(.undecidable, at: text(place, index), "treated as no match: \(why)")
            )
        }
    }
}
