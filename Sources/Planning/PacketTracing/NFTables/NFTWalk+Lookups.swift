import Addressing
import DataplaneModel

extension NFTWalk {
    /// Lookup results per flow. Flows without an element are in neither.
    struct Answers {
        var found: [(flow: Flow, data: NFTData)] = []
        var missed: [Flow] = []
    }

    /// Looks up a map; flows without an element leave the rule, the others get the value as
    /// converted by `read`. `run.live` is empty afterwards.
    mutating func look<Value>(
        _ key: [NFTExpression],
        _ name: NFTSetName,
        _ run: inout NFTRuleRun,
        at place: Place,
        _ read: (NFTData, NFTSetShape, IPFamily) -> Value?
    ) -> [(flow: Flow, value: Value)] {
        let answers = ask(name, key, &run, at: place)
        for flow in answers.missed {
            run.stop(flow, text(key, flow.packet, isMember: false, of: name))
        }
        var result: [(flow: Flow, value: Value)] = []
        for (flow, data) in answers.found {
            if let shape = input.state.sets[name]?.shape,
                let value = read(data, shape, flow.packet.destination.family)
            {
                result.append((flow, value))
            } else {
                report(.unfitSet, run, at: place, "\(name) has other values; treated as no match")
                run.stop(flow, "\(name) has other values")
            }
        }
        if result.isEmpty { return [] }
        if let choice = NFTSlotChoice(key) {
            if let note = choice.note, !notes.contains(note) { notes.append(note) }
            run.explain(choice.reason)
        } else {
            let reason = membership(key, result.map(\.flow), of: name)
            run.explain(reason)
            run.setReasons.append(reason)
        }
        return result
    }

    /// Looks up all flows, and removes them from `run.live`.
    mutating func ask(
        _ name: NFTSetName,
        _ key: [NFTExpression],
        _ run: inout NFTRuleRun,
        at place: Place
    ) -> Answers {
        let flows = run.live
        run.live = []
        var answers = Answers()
        guard let set = set(name, run, at: place) else {
            for flow in flows { run.stop(flow, "there is no set \(name)") }
            return answers
        }
        for flow in flows {
            let question = NFTKey(key, of: flow.packet)
            if !set.fits(question) {
                report(.unfitSet, run, at: place, "\(name) has other keys; treated as no match")
                run.stop(flow, "\(name) has other keys")
            } else if set.shape.isDynamic {
                askDynamic(set, question, flow, &answers, &run, at: place)
            } else if count(question.count - 1) {
                ask(set, question, key, flow, &answers, &run, at: place)
            } else {
                run.ended.append((flow, .undecided))
            }
        }
        return answers
    }

    private mutating func ask(
        _ set: NFTSet,
        _ question: NFTKey,
        _ key: [NFTExpression],
        _ flow: Flow,
        _ answers: inout Answers,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        for (answer, fraction) in set.answers(to: question) {
            var part = flow
            part.share *= fraction
            switch answer {
            case .found(let data): answers.found.append((part, data))
            case .absent:
                answers.missed.append(part)
                if NFTSlotChoice(key) == nil { continue }
                let missing = Int((fraction * Double(question.count)).rounded())
                report(
                    .missingElement,
                    run,
                    at: place,
                    "\(missing) of \(question.count) slots have no element in \(set.name):"
                        + " \(NFTKeyText.text(key, flow.packet))"
                )
            case .unknown(let why):
                report(.undecidable, run, at: place, "treated as no match: \(why)")
                run.stop(part, why)
            }
        }
    }

    mutating func set(_ name: NFTSetName, _ run: NFTRuleRun, at place: Place) -> NFTSet? {
        let set = input.state.sets[name]
        if set == nil {
            report(.missingSet, run, at: place, "there is no set \(name); treated as no match")
        }
        return set
    }
}

extension NFTData {
    /// The endpoint in a map's value; nil if the value has another type.
    func endpoint(of shape: NFTSetShape, _ family: IPFamily) -> SocketAddress? {
        guard case .value(let value) = self, shape.mapping == .fields([.address, .port]),
            let port = PortNumber(Int(value.bits(at: 0, width: 16)))
        else { return nil }
        let bits = value.bits(at: 16, width: family.bitWidth)
        return SocketAddress(IPAddress(family: family, bits: bits), port)
    }

    /// The 32-bit number in a map's value; nil if the value has another type.
    func priority(of shape: NFTSetShape, _ family: IPFamily) -> UInt32? {
        guard case .value(let value) = self, case .fields(let fields) = shape.mapping,
            fields.map({ $0.width(family) }) == [32]
        else { return nil }
        return UInt32(value.bits(at: 0, width: 32))
    }

    /// The verdict in a map's value; nil if the value has another type.
    var verdict: NFTVerdict? {
        guard case .verdict(let verdict) = self else { return nil }
        return verdict
    }
}
