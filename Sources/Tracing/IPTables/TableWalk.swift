import Addressing
import DataplaneModel

/// Leads connections through one table at one hook, all of them in one go.
///
/// At every rule the flows that are still there split into those that match and those that do not;
/// flows that have become equal are merged, so the work grows with rules, not with paths.
struct TableWalk {
    /// How a flow leaves the table.
    enum Ending: Hashable {
        case accepted
        case dropped
        case rejected
        case undecided
    }

    struct Limits {
        /// Chains within chains. The kernel has no such limit, but our stack has.
        var depth = 100
        /// Flows times rules in the whole trace.
        var tests: Int
    }

    /// The rules around a step: which chain, how deep, and what led there.
    private struct Place {
        var chain: String
        var title: String?
        var depth: Int
        /// Our chains from the hook to here, this one last.
        var stack: [ChainName]
    }

    let context: HookContext
    let owned: OwnedTable
    let detail: TraceDetail
    let ruleText: (Rule) -> String
    let limits: Limits
    /// What the hooks before this one and this one found out.
    var findings: TraceFindings
    private(set) var steps: [TraceStep] = []
    private(set) var ended: [(flow: Flow, ending: Ending)] = []
    private var enteringShare = 0.0
    private var enteringDestinations = 0

    init(
        _ context: HookContext,
        over owned: OwnedTable,
        detail: TraceDetail,
        limits: Limits,
        findings: TraceFindings,
        ruleText: @escaping (Rule) -> String
    ) {
        self.context = context
        self.owned = owned
        self.detail = detail
        self.limits = limits
        self.findings = findings
        self.ruleText = ruleText
    }

    /// Runs the rules of the built-in chain; `ended` holds all flows afterwards.
    mutating func run(_ flows: [Flow]) {
        let entering = flows.merged()
        enteringShare = entering.totalShare
        enteringDestinations = Set(entering.map(\.packet.destinationText)).count
        let rules = owned.jumps.lazy.filter { [context] in $0.from == context.chain }.map(\.rule)
        let place = Place(chain: context.chain.rawValue, title: nil, depth: 0, stack: [])
        let passed = walk(Array(rules), at: place, entering)
        end(passed, .accepted)
    }

    private mutating func end(_ flows: [Flow], _ ending: Ending) {
        ended += flows.map { ($0, ending) }
    }

    /// The flows that come out at the chain's end or by RETURN.
    private mutating func walk(_ rules: [Rule], at place: Place, _ flows: [Flow]) -> [Flow] {
        var live = flows
        var returned: [Flow] = []
        for (index, rule) in rules.enumerated() where !live.isEmpty {
            findings.tests += live.count
            guard findings.tests <= limits.tests else {
                findings.report(
                    TraceProblem(.limit, "the trace was cut short after \(limits.tests) tests")
                )
                end(live, .undecided)
                live = []
                break
            }
            let tested = test(rule, live, at: place, index)
            if tested.matched.isEmpty {
                if detail == .everything { recordMiss(rule, at: place, index, live[0]) }
                live = tested.unmatched
                continue
            }
            let stay = apply(rule, to: tested.matched, at: place, index, &returned)
            live = (stay + tested.unmatched).merged()
        }
        return (returned + live).merged()
    }

    /// Does what the target says; the result goes on with the next rule.
    private mutating func apply(
        _ rule: Rule,
        to flows: [Flow],
        at place: Place,
        _ index: Int,
        _ returned: inout [Flow]
    ) -> [Flow] {
        record(rule, at: place, index, flows)
        guard isAllowed(rule.target, for: flows) else {
            findings.report(
                TraceProblem(
                    .misplacedTarget,
                    at: text(place, index),
                    "the kernel refuses this target here"
                )
            )
            end(flows, .undecided)
            return []
        }
        switch rule.target {
        case .accept: end(flows, .accepted)
        case .drop, .reject:
            findings.reason = findings.reason ?? rule.comment ?? text(place, index)
            noteTitle(at: place)
            end(flows, rule.target == .drop ? .dropped : .rejected)
        case .returnToCaller: returned += flows
        case .jump(let name): return enter(name, from: place, index, flows)
        case .goto(let name): returned += enter(name, from: place, index, flows)
        case .destinationNAT(let endpoint):
            noteTitle(at: place)
            end(flows.map { $0.changing { $0.translate(to: endpoint) } }, .accepted)
        case .masquerade: end(flows.map { $0.changing { $0.source = nil } }, .accepted)
        case .mark(let mark):
            return flows.map { $0.changing { $0.mark = $0.mark & ~mark.mask ^ mark.value } }
        case .opaque, .markFromSet:
            findings.report(
                TraceProblem(
                    .undecidable,
                    at: text(place, index),
                    "somebody else's rule, not understood; taken as not matching"
                )
            )
            return flows
        }
        return []
    }

    private mutating func enter(
        _ name: ChainName,
        from place: Place,
        _ index: Int,
        _ flows: [Flow]
    ) -> [Flow] {
        let problem: TraceProblem
        if place.stack.contains(name) {
            let path = (place.stack + [name]).map(\.text).joined(separator: " → ")
            problem = TraceProblem(.loop, at: text(place, index), "chains in a circle: \(path)")
        } else if place.stack.count >= limits.depth {
            problem = TraceProblem(
                .limit,
                at: text(place, index),
                "more than \(limits.depth) chains within one another"
            )
        } else if let chain = owned.chains[name] {
            let below = Place(
                chain: name.text,
                title: chain.title,
                depth: place.depth + 1,
                stack: place.stack + [name]
            )
            return walk(chain.rules, at: below, flows)
        } else {
            problem = TraceProblem(
                .missingChain,
                at: text(place, index),
                "there is no chain \(name)"
            )
        }
        findings.report(problem)
        end(flows, .undecided)
        return []
    }

    /// Where the kernel's extensions may stand; it refuses a table that breaks this.
    private func isAllowed(_ target: Target, for flows: [Flow]) -> Bool {
        switch target {
        case .accept, .drop, .returnToCaller, .jump, .goto, .mark, .opaque, .markFromSet: true
        case .destinationNAT(let endpoint):
            context.table == .nat && [.prerouting, .output].contains(context.chain)
                && flows.allSatisfy { $0.packet.destination.family == endpoint.address.family }
        case .masquerade: context.table == .nat && context.chain == .postrouting
        case .reject:
            context.table == .filter && [.input, .forward, .output].contains(context.chain)
        }
    }
}

extension TableWalk {
    /// Runs the conditions in their order.
    private mutating func test(
        _ rule: Rule,
        _ flows: [Flow],
        at place: Place,
        _ index: Int
    ) -> (matched: [Flow], unmatched: [Flow]) {
        var matched: [Flow] = []
        var unmatched: [Flow] = []
        for flow in flows {
            switch context.header(of: rule, meets: flow.packet) {
            case .holds: matched.append(flow)
            case .fails: unmatched.append(flow)
            case .unknown(let why):
                reportUndecidable(why, rule, flow, at: place, index)
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
        switch context.answer(match, flow.packet) {
        case .holds, nil: return (flow, nil)
        case .fails: return (nil, flow)
        case .unknown(let why):
            reportUndecidable(why, rule, flow, at: place, index)
            return (nil, flow)
        }
    }

    private mutating func split(_ flow: Flow, by recent: RecentMatch) -> (hit: Flow?, miss: Flow?) {
        var flow = flow
        switch (recent.action, flow.client) {
        case (.set, .new(let remembered)):
            if !remembered.contains(recent.list) {
                flow.client = .new(remembered: (remembered + [recent.list]).sorted())
            }
            return (flow, nil)
        case (.set, .known): return (flow, nil)
        case (.update, .known(let list)): return list == recent.list ? (flow, nil) : (nil, flow)
        case (.update(let seconds), .new(let remembered)):
            // On the list already, by a rule this very packet met.
            if remembered.contains(recent.list) { return (flow, nil) }
            findings.affinitySeconds = findings.affinitySeconds ?? seconds
            var returning = flow
            returning.client = .known(list: recent.list)
            returning.share = 0
            return (returning, flow)
        }
    }

    /// Nothing is lost when the rule fails anyway.
    private mutating func reportUndecidable(
        _ why: String,
        _ rule: Rule,
        _ flow: Flow,
        at place: Place,
        _ index: Int
    ) {
        if context.surelyFails(rule, flow.packet) { return }
        findings.report(
            TraceProblem(.undecidable, at: text(place, index), "taken as no match, as \(why)")
        )
    }
}

extension TableWalk {
    private func text(_ place: Place, _ index: Int) -> String {
        "\(context.table.rawValue) \(place.chain) rule \(index + 1)"
    }

    /// The outermost title that names a Service (`namespace/name`), else the innermost title.
    private mutating func noteTitle(at place: Place) {
        guard findings.title == nil else { return }
        let titles = place.stack.compactMap { owned.chains[$0]?.title }
        findings.title = titles.first { $0.contains("/") } ?? titles.last
    }

    private mutating func recordMiss(_ rule: Rule, at place: Place, _ index: Int, _ flow: Flow) {
        steps.append(
            TraceStep(
                chain: place.chain,
                chainTitle: place.title,
                depth: place.depth,
                ruleIndex: index + 1,
                rule: ruleText(rule),
                matched: false,
                effect: "does not match",
                reasons: [context.failure(of: rule, flow.packet)]
            )
        )
    }

    private mutating func record(_ rule: Rule, at place: Place, _ index: Int, _ flows: [Flow]) {
        let share = flows.totalShare
        let returning = flows.allSatisfy(\.isReturning)
        let isPart = !returning && share < enteringShare - 1e-12
        var destinations: [String] = []
        if enteringDestinations > 1 {
            let here = Set(flows.map(\.packet.destinationText))
            if here.count < enteringDestinations { destinations = here.sorted() }
        }
        steps.append(
            TraceStep(
                chain: place.chain,
                chainTitle: place.title,
                depth: place.depth,
                ruleIndex: index + 1,
                rule: ruleText(rule),
                effect: effect(of: rule.target),
                reasons: context.reasons(for: rule, matching: flows[0].packet),
                share: isPart ? share : nil,
                clients: returning ? .returning : .all,
                destinations: destinations
            )
        )
    }

    private func effect(of target: Target) -> String {
        switch target {
        case .accept: "accepted: \(context.table.rawValue) is done"
        case .drop: "dropped"
        case .returnToCaller: "returns"
        case .jump(let name): "goes to \(name)"
        case .goto(let name): "goes to \(name) for good"
        case .destinationNAT(let endpoint): "destination becomes \(endpoint)"
        case .masquerade: "source becomes an address of this node"
        case .mark(let mark): effect(of: mark)
        case .reject: "rejected"
        case .opaque, .markFromSet: "cannot be told"
        }
    }

    private func effect(of mark: PacketMark) -> String {
        let value = "0x" + String(mark.value, radix: 16)
        let mask = "0x" + String(mark.mask, radix: 16)
        if mark.value == 0 { return "mark bits \(mask) are cleared" }
        if mark.value == mark.mask { return "mark bits \(value) are set" }
        return mark.mask == 0
            ? "mark bits \(value) are flipped" : "mark bits \(mask) are cleared, \(value) flipped"
    }
}

extension Flow {
    fileprivate func changing(_ change: (inout PacketState) -> Void) -> Flow {
        var copy = self
        change(&copy.packet)
        return copy
    }
}

extension Rule {
    fileprivate var comment: String? {
        for case .comment(let text) in matches { return text }
        return nil
    }
}
