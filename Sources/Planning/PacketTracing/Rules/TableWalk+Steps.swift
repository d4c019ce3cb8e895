import DataplaneModel

extension TableWalk {
    func text(_ place: Place, _ index: Int) -> String {
        "\(hook.table.rawValue) \(place.chain) rule \(index + 1)"
    }

    /// Names the outermost title that is a Service (`namespace/name`), otherwise the innermost
    /// title.
    mutating func noteTitle(at place: Place) {
        guard findings.title == nil else { return }
        let titles = place.stack.compactMap { owned.chains[$0]?.title }
        findings.title = titles.first { $0.contains("/") } ?? titles.last
    }

    mutating func recordMiss(_ rule: Rule, at place: Place, _ index: Int, _ flow: Flow) {
        steps.append(
            TraceStep(
                chain: place.chain,
                chainTitle: place.title,
                depth: place.depth,
                ruleIndex: index + 1,
                rule: context.ruleText(rule),
                matched: false,
                effect: "does not match",
                reasons: [hook.failure(of: rule, flow.packet)]
            )
        )
    }

    mutating func record(_ rule: Rule, at place: Place, _ index: Int, _ flows: [Flow]) {
        let step = TraceStep(
            chain: place.chain,
            chainTitle: place.title,
            depth: place.depth,
            ruleIndex: index + 1,
            rule: context.ruleText(rule),
            effect: effect(of: rule.target, on: flows),
            reasons: hook.reasons(for: rule, matching: flows[0].packet)
        )
        steps.append(scope.step(step, taken: flows))
    }

    private func effect(of target: Target, on flows: [Flow]) -> String {
        switch target {
        case .accept: "accepted: \(hook.table.rawValue) is done"
        case .drop: "dropped"
        case .returnToCaller: "returns"
        case .jump(let name): "goes to \(name)"
        case .goto(let name): "goes to \(name) without return"
        case .destinationNAT(let endpoint): "destination becomes \(endpoint)"
        case .masquerade: "source becomes an address of this node"
        case .mark(let mark): effect(of: mark)
        case .reject: "rejected"
        case .markFromSet(let name, let sides): effect(of: name, sides, on: flows)
        case .opaque: "undecided"
        }
    }

    private func effect(of mark: PacketMark) -> String {
        let value = mark.value.hexadecimal
        let mask = mark.mask.hexadecimal
        if mark.value == 0 { return "mark bits \(mask) are cleared" }
        if mark.value == mark.mask { return "mark bits \(value) are set" }
        return mark.mask == 0
            ? "mark bits \(value) are flipped" : "mark bits \(mask) are cleared, \(value) flipped"
    }
}
