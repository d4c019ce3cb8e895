import Addressing
import DataplaneModel

/// Dynamic maps: what rules remember about clients.
extension NFTWalk {
    /// A new client is absent, unless this same packet has added it; in addition, every client that
    /// may be present continues with its value in the map.
    mutating func askDynamic(
        _ set: NFTSet,
        _ question: NFTKey,
        _ flow: Flow,
        _ answers: inout Answers,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        guard let key = key(question, in: set, run, at: place) else {
            run.stop(flow, "the client is unknown")
            return
        }
        learnt.noteAsked(key)
        if let element = flow.client.element(at: key) {
            answers.found.append((flow, element.data))
            return
        }
        answers.missed.append(flow)
        if flow.isReturning { return }
        for element in known.elements(at: key) {
            answers.found.append((flow.returning(.element(element)), element.data))
        }
    }

    /// Keeps an existing element except for its timeout, as the kernel does.
    mutating func remember(
        _ name: NFTSetName,
        _ expressions: [NFTExpression],
        _ data: NFTExpression,
        _ seconds: UInt32,
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        let rule = run
        change(name, expressions, &run, at: place) { walk, flow, key in
            guard case .known(let value)? = NFTKey([data], of: flow.packet).parts.first,
                data.field.width(flow.packet.destination.family) == 32
            else {
                let message = "what is remembered of the client is unknown"
                walk.report(.undecidable, rule, at: place, message)
                return flow
            }
            if flow.client.element(at: key) != nil { return flow }
            let element = DynamicElement(key: key, value: UInt32(value))
            walk.learnt.insert(element)
            return flow.put(on: .element(element))
        }
        guard !run.live.isEmpty else { return }
        findings.affinitySeconds = findings.affinitySeconds ?? seconds
        run.effects.append("remembers the client in \(name) for \(seconds) s")
    }

    /// Whatever value the map has for the client.
    mutating func forget(
        _ name: NFTSetName,
        _ expressions: [NFTExpression],
        _ run: inout NFTRuleRun,
        at place: Place
    ) {
        change(name, expressions, &run, at: place) { _, flow, key in flow.forgetting(key) }
        if !run.live.isEmpty { run.effects.append("forgets the client in \(name)") }
    }

    private mutating func change(
        _ name: NFTSetName,
        _ expressions: [NFTExpression],
        _ run: inout NFTRuleRun,
        at place: Place,
        _ change: (inout NFTWalk, Flow, DynamicElement.Key) -> Flow
    ) {
        let flows = run.live
        run.live = []
        guard let set = set(name, run, at: place) else {
            for flow in flows { run.stop(flow, "there is no set \(name)") }
            return
        }
        run.live = flows.map { flow in
            let question = NFTKey(expressions, of: flow.packet)
            guard let key = key(question, in: set, run, at: place) else { return flow }
            return change(&self, flow, key)
        }
    }

    private mutating func key(
        _ question: NFTKey,
        in set: NFTSet,
        _ run: NFTRuleRun,
        at place: Place
    ) -> DynamicElement.Key? {
        guard set.fits(question), set.shape.isDynamic else {
            report(.unfitSet, run, at: place, "\(set.name) has other fields")
            return nil
        }
        let values = question.count == 1 ? question.values() : []
        guard let value = values.first else {
            let why = question.doubt ?? "the key is chosen anew for each packet"
            report(.undecidable, run, at: place, "clients are treated as unknown: \(why)")
            return nil
        }
        return DynamicElement.Key(map: set.name, key: value)
    }
}

extension DynamicElement {
    fileprivate var data: NFTData { .value(NFTValue(value)) }
}

extension Flow {
    /// A returning client becomes a new one, with share 0.
    fileprivate func forgetting(_ key: DynamicElement.Key) -> Flow {
        var flow = self
        switch client {
        case .known(let record): if record.element(at: key) != nil { flow.client = .new([]) }
        case .new(let records):
            flow.client = .new(records.filter { $0.element(at: key) == nil })
        }
        return flow
    }
}

extension ClientMemory {
    /// The element stored under this key.
    fileprivate func element(at key: DynamicElement.Key) -> DynamicElement? {
        switch self {
        case .known(let record): record.element(at: key)
        case .new(let records): records.lazy.compactMap { $0.element(at: key) }.first
        }
    }
}

extension ClientRecord {
    fileprivate func element(at key: DynamicElement.Key) -> DynamicElement? {
        guard case .element(let element) = self, element.key == key else { return nil }
        return element
    }
}
