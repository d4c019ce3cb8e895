import DataplaneModel

extension NFTWalk {
    /// `balance rule 2`.
    func text(_ place: Place, _ index: Int) -> String { "\(place.chain.name) rule \(index + 1)" }

    mutating func report(
        _ kind: TraceProblem.Kind,
        _ run: NFTRuleRun,
        at place: Place,
        _ message: String
    ) {
        findings.report(TraceProblem(kind, at: text(place, run.index), message))
    }

    /// `10.96.0.10:80/tcp is in rejected (without any endpoint)`.
    func text(
        _ key: [NFTExpression],
        _ packet: PacketState,
        isMember: Bool,
        of name: NFTSetName
    ) -> String {
        text([NFTKeyText.text(key, packet)], isMember: isMember, of: name)
    }

    /// The same for flows in a set.
    func membership(_ key: [NFTExpression], _ flows: [Flow], of name: NFTSetName) -> String {
        text(flows.current.map { NFTKeyText.text(key, $0.packet) }, isMember: true, of: name)
    }

    private func text(_ keys: [String], isMember: Bool, of name: NFTSetName) -> String {
        let title = input.state.sets[name]?.title.map { " (\($0))" } ?? ""
        return "\(NFTKeyText.alternatives(keys)) is \(isMember ? "" : "not ")in \(name)\(title)"
    }

    func text(_ verdict: NFTVerdict) -> String {
        switch verdict {
        case .accept: "accepted: \(base.name) is done"
        case .drop: "dropped"
        case .returnToCaller: "returns"
        case .jump(let name): "goes to \(name)"
        case .goto(let name): "goes to \(name) without return"
        }
    }

    /// Names the Service of these endpoints: from the value that led to them, otherwise from the
    /// outermost title that names a Service (`namespace/name`).
    mutating func noteTitle(_ priority: UInt32, at place: Place) {
        guard findings.title == nil else { return }
        findings.title = input.title(priority) ?? serviceTitle(at: place)
    }

    private func serviceTitle(at place: Place) -> String? {
        place.stack.lazy.compactMap { [input] in input.state.chains[$0]?.title }
            .first { $0.contains("/") }
    }

    /// Why the rule drops or rejects: sets used here or on the way here, and titles.
    mutating func noteRefusal(_ run: NFTRuleRun, at place: Place) {
        findings.title = findings.title ?? serviceTitle(at: place)
        guard findings.reason == nil else { return }
        let said = run.setReasons.isEmpty ? place.reason : run.setReasons.joined(separator: "; ")
        let words = [run.rule.title, said].compactMap { $0 }
        let title = place.chain.title.map { " (\($0))" } ?? ""
        findings.reason =
            words.isEmpty ? text(place, run.index) + title : words.joined(separator: ": ")
    }

    /// Records the step of one rule; rules without effect only in a trace of everything.
    mutating func record(_ run: NFTRuleRun, at place: Place) {
        let flows = run.reported
        guard let failure = run.failure, run.completed.isEmpty else {
            if !flows.isEmpty { append(run, flows, run.reasons, at: place) }
            return
        }
        if !flows.isEmpty {
            append(run, flows, run.reasons + ["no further: \(failure)"], at: place)
        } else if input.detail == .everything {
            let step = step(run, at: place, matched: false, "does not match", [failure])
            steps.append(step)
        }
    }

    mutating func recordPolicy(_ flows: [Flow]) {
        let step = TraceStep(chain: base.name.text, rule: "policy drop", effect: "dropped")
        steps.append(scope.step(step, taken: flows))
    }

    private mutating func append(
        _ run: NFTRuleRun,
        _ flows: [Flow],
        _ reasons: [String],
        at place: Place
    ) {
        let stale =
            flows.allSatisfy(\.isOnlyStale) ? ["if the endpoint of the client is gone"] : []
        let effect =
            run.effects.isEmpty ? "goes on with the next rule" : run.effects.joined(separator: "; ")
        let step = step(run, at: place, effect, reasons + stale)
        steps.append(scope.step(step, taken: flows))
    }

    private func step(
        _ run: NFTRuleRun,
        at place: Place,
        matched: Bool = true,
        _ effect: String,
        _ reasons: [String]
    ) -> TraceStep {
        let title = run.rule.title.map { "  # \($0)" } ?? ""
        return TraceStep(
            chain: place.chain.name.text,
            chainTitle: place.chain.title,
            depth: place.depth,
            ruleIndex: run.index + 1,
            rule: input.ruleText(run.rule) + title,
            matched: matched,
            effect: effect,
            reasons: reasons
        )
    }
}

extension Flow {
    /// Clients whose endpoint is gone, whether that is known yet or not.
    fileprivate var isOnlyStale: Bool { isStale || share == 0 && !isReturning }
}
