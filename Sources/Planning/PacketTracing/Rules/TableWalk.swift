import Addressing
import DataplaneModel

/// Follows connections through one table at one hook, all at once.
///
/// Each rule splits the remaining flows into those that match and those that do not. Flows that
/// have become equal are merged, so the cost depends on rules, not on paths.
struct TableWalk {
    /// The chain of a step, its depth, and how it was reached.
    struct Place {
        var chain: String
        var title: String?
        var depth: Int
        /// Fairlead's chains from the hook to this one, in order.
        var stack: [ChainName]
    }

    let hook: HookContext
    let context: WalkContext<TracedState, Rule>
    /// Findings of earlier hooks and of this one.
    var findings: TraceFindings
    var steps: [TraceStep] = []
    private(set) var ended: [(flow: Flow, ending: WalkEnding)] = []
    private(set) var scope = StepScope([])

    var owned: OwnedTable { context.state.iptables[hook.table] }

    /// Runs the rules of the built-in chain; `ended` holds all flows afterwards.
    mutating func run(_ flows: [Flow]) {
        let entering = flows.merged()
        scope = StepScope(entering)
        let rules = owned.jumps.lazy.filter { [hook] in $0.from == hook.chain }.map(\.rule)
        let place = Place(chain: hook.chain.rawValue, title: nil, depth: 0, stack: [])
        let passed = walk(Array(rules), at: place, entering)
        end(passed, .accepted)
    }

    private mutating func end(_ flows: [Flow], _ ending: WalkEnding) {
        ended += flows.map { ($0, ending) }
    }

    /// The flows that reach the chain's end or RETURN.
    private mutating func walk(_ rules: [Rule], at place: Place, _ flows: [Flow]) -> [Flow] {
        var live = flows
        var returned: [Flow] = []
        for (index, rule) in rules.enumerated() where !live.isEmpty {
            guard findings.count(live.count, limit: context.testLimit) else {
                end(live, .undecided)
                live = []
                break
            }
            let tested = test(rule, live, at: place, index)
            if tested.matched.isEmpty {
                if context.detail == .everything { recordMiss(rule, at: place, index, live[0]) }
                live = tested.unmatched
                continue
            }
            let stay = apply(rule, to: tested.matched, at: place, index, &returned)
            live = (stay + tested.unmatched).merged()
        }
        return (returned + live).merged()
    }

    /// Applies the target; the result continues with the next rule.
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
                    "the kernel rejects this target here"
                )
            )
            end(flows, .undecided)
            return []
        }
        switch rule.target {
        case .accept: end(flows, .accepted)
        case .drop, .reject:
            findings.reason =
                findings.reason ?? rule.comment ?? hook.setReason(for: rule, flows[0].packet)
                ?? text(place, index)
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
        case .markFromSet(let name, let sides):
            return flows.map { marking($0, from: name, sides, at: place, index) }
        case .opaque:
            findings.report(
                TraceProblem(
                    .undecidable,
                    at: text(place, index),
                    "a rule of another program, not supported; treated as no match"
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
        let chain = owned.chains[name]
        let obstacle = context.obstacle(
            to: name,
            exists: chain != nil,
            stack: place.stack,
            depth: place.depth,
            at: text(place, index)
        )
        guard let chain, obstacle == nil else {
            if let obstacle { findings.report(obstacle) }
            end(flows, .undecided)
            return []
        }
        let below = Place(
            chain: name.text,
            title: chain.title,
            depth: place.depth + 1,
            stack: place.stack + [name]
        )
        return walk(chain.rules, at: below, flows)
    }

    /// Whether the kernel allows the target here; it rejects a table that breaks this.
    private func isAllowed(_ target: Target, for flows: [Flow]) -> Bool {
        switch target {
        case .accept, .drop, .returnToCaller, .jump, .goto, .mark, .opaque: true
        case .markFromSet: hook.table == .mangle
        case .destinationNAT(let endpoint):
            hook.table == .nat && [.prerouting, .output].contains(hook.chain)
                && flows.allSatisfy { $0.packet.destination.family == endpoint.address.family }
        case .masquerade: hook.table == .nat && hook.chain == .postrouting
        case .reject:
            hook.table == .filter && [.input, .forward, .output].contains(hook.chain)
        }
    }
}

extension Rule {
    fileprivate var comment: String? {
        for case .comment(let text) in matches { return text }
        return nil
    }
}
