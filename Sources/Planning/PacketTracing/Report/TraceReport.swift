import Addressing
import PrintableText

/// A trace as text: the result first, then the destinations, then the steps.
package struct TraceReport: Sendable, CustomStringConvertible {
    package let trace: PacketTrace
    /// Whether long lists are shown in full.
    package let isComplete: Bool
    private static let shortList = 20

    package init(_ trace: PacketTrace, isComplete: Bool = false) {
        self.trace = trace
        self.isComplete = isComplete
    }

    /// Ends with a line break.
    package var description: String {
        var lines = [TraceSummary(trace).line]
        lines += trace.problems.map { "  problem: \($0)" }
        lines += outcomeLines
        if let affinity = trace.affinity {
            lines.append(
                "  sticky: a client seen within \(affinity.timeoutSeconds) s keeps its endpoint;"
                    + " the shares are those of a new client"
            )
        }
        for hook in trace.path { lines += self.lines(of: hook) }
        lines += trace.notes.map { "note: \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private var outcomeLines: [String] {
        let outcomes = trace.outcomes
        // A single result is in the first line already, unless it is an endpoint.
        if outcomes.count == 1, outcomes[0].result.endpoint == nil { return [] }
        let table = TextTable(
            outcomes.map { outcome in
                let masqueraded = outcome.result.masqueraded ? ", source masqueraded" : ""
                return [
                    "  " + Self.name(of: outcome.result.verdict),
                    "\(ShareText(outcome.probability))\(masqueraded)",
                ]
            }
        )
        let shown = isComplete ? outcomes.count : min(outcomes.count, Self.shortList)
        var lines = Array(table.lines.prefix(shown))
        if shown < outcomes.count { lines.append("  … and \(outcomes.count - shown) more") }
        return lines
    }

    private static func name(of verdict: FlowVerdict) -> String {
        switch verdict {
        case .delivered(let endpoint): endpoint.description
        case .untouched: "not translated"
        case .rejected, .dropped, .undecided: TraceSummary.kind(of: verdict).rawValue
        }
    }
}

extension TraceReport {
    /// Steps of one chain at one depth follow its name.
    private func lines(of hook: TraceHook) -> [String] {
        var lines = [hook.name]
        if hook.steps.isEmpty { return lines + ["  no Fairlead rule applies"] }
        var open: (chain: String, depth: Int)?
        var index = 0
        while index < hook.steps.count {
            let step = hook.steps[index]
            let indent = String(repeating: "  ", count: step.depth)
            if step.depth > 0, open?.chain != step.chain || open?.depth != step.depth {
                lines.append(indent + step.chain + (step.chainTitle.map { " (\($0))" } ?? ""))
            }
            open = (step.chain, step.depth)
            let end = similarSteps(from: index, in: hook.steps)
            if !isComplete, end - index > Self.shortList {
                let shown = Self.shortList / 2
                for step in hook.steps[index..<index + shown] {
                    lines += self.lines(of: step, indent)
                }
                lines.append("\(indent)  … \(end - index - shown) more of this kind")
                index = end
            } else {
                lines += self.lines(of: step, indent)
                index += 1
            }
        }
        return lines
    }

    /// The end of the run of similar steps in the same chain.
    private func similarSteps(from start: Int, in steps: [TraceStep]) -> Int {
        let first = steps[start]
        func kind(_ step: TraceStep) -> Substring { step.effect.prefix { $0 != " " } }
        let next = steps[start...].firstIndex {
            $0.chain != first.chain || $0.depth != first.depth || $0.matched != first.matched
                || kind($0) != kind(first) || $0.returningClientsOnly != first.returningClientsOnly
        }
        return next ?? steps.count
    }

    private func lines(of step: TraceStep, _ indent: String) -> [String] {
        let number = step.ruleIndex.map { "\($0): " } ?? ""
        var effect = step.effect
        if let share = step.share { effect += ", \(ShareText(share)) of new clients" }
        if step.returningClientsOnly { effect += ", returning clients only" }
        if !step.destinations.isEmpty {
            let shown = step.destinations.prefix(isComplete ? step.destinations.count : 3)
            let rest = step.destinations.count - shown.count
            effect += ", for " + shown.joined(separator: ", ")
            if rest > 0 { effect += " and \(rest) more" }
        }
        if !step.reasons.isEmpty { effect += " – \(step.reasons.joined(separator: "; "))" }
        let sign = step.matched ? "→" : "✗"
        return ["\(indent)  \(number)\(step.rule)", "\(indent)       \(sign) \(effect)"]
    }
}
