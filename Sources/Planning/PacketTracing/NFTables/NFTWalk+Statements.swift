import Addressing
import DataplaneModel

extension NFTWalk {
    /// Evaluates the rule's statements from left to right.
    mutating func perform(_ run: inout NFTRuleRun, at place: Place) {
        for (position, statement) in run.rule.statements.enumerated() where !run.live.isEmpty {
            guard context.allows(statement) else {
                report(.misplacedTarget, run, at: place, "the kernel rejects this here")
                run.end(.undecided)
                return
            }
            perform(statement, position, &run, at: place)
        }
    }

    private mutating func perform(
        _ statement: NFTStatement,
        _ position: Int,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        switch statement {
        case .address, .isLocal, .inInterface, .transports, .connectionState, .translated, .mark:
            test(statement, position, &run, at: place)
        case .contained(let key, let set, let inverted):
            test(key, in: set, inverted: inverted, &run, at: place)
        case .setPriority(let value):
            run.change("priority becomes \(NFTKeyText.text(priority: value))") {
                $0.priority = value
            }
        case .maskPriority(let mask): maskPriority(mask, &run)
        case .setPriorityFromMap(let key, let map): setPriority(key, map, &run, at: place)
        case .setMarkBits(let bits):
            run.change("mark bits \(bits.hexadecimal) are set") { $0.mark |= bits }
        case .clearMarkBits(let bits):
            run.change("mark bits \(bits.hexadecimal) are cleared") { $0.mark &= ~bits }
        case .update(let map, let key, let data, let seconds):
            remember(map, key, data, seconds, &run, at: place)
        case .delete(let map, let key, _): forget(map, key, &run, at: place)
        case .destinationNAT(let key, let map): translate(key, map, &run, at: place)
        case .masquerade:
            run.change("source becomes an address of this node") { $0.source = nil }
            run.end(.accepted)
        case .reject:
            noteRefusal(run, at: place)
            run.end(.rejected, "rejected")
        case .verdict(let verdict):
            run.effects.append(text(verdict))
            run.decide(verdict)
        case .verdictMap(let key, let map): judge(key, map, &run, at: place)
        case .opaque:
            report(.undecidable, run, at: place, "not supported; treated as no match")
            for flow in run.live { run.stop(flow, "it is not supported") }
            run.live = []
        }
    }

    // MARK: - Conditions

    private mutating func test(
        _ statement: NFTStatement,
        _ position: Int,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        let flows = run.live
        run.live = []
        for flow in flows {
            switch context.answer(statement, flow.packet) {
            case .holds: run.live.append(flow)
            case .unknown(let why):
                // An undecidable condition does not matter if the rule fails anyway.
                if !fails(run.rule.statements[(position + 1)...], flow.packet) {
                    report(.undecidable, run, at: place, "treated as no match: \(why)")
                }
                run.stop(flow, context.failure(statement, flow.packet))
            case .fails, .missingSet, nil:
                run.stop(flow, context.failure(statement, flow.packet))
            }
        }
        if let flow = run.live.first, let reason = context.reason(statement, flow.packet) {
            run.explain(reason)
        }
    }

    /// Whether one of the conditions before any effect certainly fails.
    private func fails(_ statements: ArraySlice<NFTStatement>, _ packet: PacketState) -> Bool {
        for statement in statements {
            if case .contained(let key, let name, let inverted) = statement {
                if isCertain(key, packet, isMember: inverted, of: name) { return true }
                continue
            }
            guard let answer = context.answer(statement, packet) else { return false }
            if answer == .fails { return true }
        }
        return false
    }

    private func isCertain(
        _ key: [NFTExpression],
        _ packet: PacketState,
        isMember: Bool,
        of name: NFTSetName
    ) -> Bool {
        guard let set = input.state.sets[name], !set.shape.isDynamic else { return false }
        let key = NFTKey(key, of: packet)
        guard key.count == 1, set.fits(key) else { return false }
        switch set.answers(to: key).first?.answer {
        case .found: return isMember
        case .absent: return !isMember
        case .unknown, nil: return false
        }
    }

    private mutating func test(
        _ key: [NFTExpression],
        in name: NFTSetName,
        inverted: Bool,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        let answers = ask(name, key, &run, at: place)
        let hits = answers.found.map(\.flow)
        run.live = inverted ? answers.missed : hits
        for flow in inverted ? hits : answers.missed {
            run.stop(flow, text(key, flow.packet, isMember: inverted, of: name))
        }
        if let flow = run.live.first {
            let reason = text(key, flow.packet, isMember: !inverted, of: name)
            run.explain(reason)
            run.setReasons.append(reason)
        }
    }

    // MARK: - Effects

    private func maskPriority(_ mask: UInt32, _ run: inout NFTRuleRun) {
        run.live = run.live.map { $0.changing { $0.priority &= mask } }
        run.effects.append("priority becomes \(priorities(run.live))")
    }

    private mutating func setPriority(
        _ key: [NFTExpression],
        _ map: NFTSetName,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        let found = look(key, map, &run, at: place) { $0.priority(of: $1, $2) }
        run.live = found.map { flow, value in flow.changing { $0.priority = value } }
        if !run.live.isEmpty { run.effects.append("priority becomes \(priorities(run.live))") }
    }

    private func priorities(_ flows: [Flow]) -> String {
        let texts = flows.current.map { NFTKeyText.text(priority: $0.packet.priority) }
        return NFTKeyText.alternatives(texts)
    }

    private mutating func translate(
        _ key: [NFTExpression],
        _ map: NFTSetName,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        let found = look(key, map, &run, at: place) { $0.endpoint(of: $1, $2) }
        guard let first = found.first else { return }
        noteTitle(first.flow.packet.priority, at: place)
        run.live = found.map { flow, endpoint in flow.changing { $0.translate(to: endpoint) } }
        let endpoints = found.map(\.value).sorted().map(\.description)
        run.end(.accepted, "destination becomes \(NFTKeyText.alternatives(endpoints))")
    }

    private mutating func judge(
        _ key: [NFTExpression],
        _ map: NFTSetName,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        let found = look(key, map, &run, at: place) { data, _, _ in data.verdict }
        for (flow, verdict) in found {
            if let same = run.verdicts.firstIndex(where: { $0.verdict == verdict }) {
                run.verdicts[same].flows.append(flow)
            } else {
                run.verdicts.append((verdict, [flow]))
                run.effects.append(text(verdict))
            }
        }
    }
}
