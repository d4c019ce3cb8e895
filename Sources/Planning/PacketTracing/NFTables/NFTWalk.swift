import Addressing
import DataplaneModel

/// Follows connections through one base chain, all at once.
///
/// Each rule splits the remaining flows into those that match and those that do not. Flows that
/// have become equal are merged, so the cost depends on rules, not on paths.
struct NFTWalk {
    /// The chain of a step, and how it was reached.
    struct Place {
        var chain: NFTChain
        /// The chains from the hook to this one, in order.
        var stack: [NFTChainName]
        /// What sets contributed on the way here.
        var reason: String?

        var depth: Int { stack.count - 1 }
    }

    let base: NFTChain
    let context: NFTHookContext
    let input: WalkContext<NFTablesState, NFTRule>
    /// Possible content of dynamic maps, as learnt before.
    let known: DynamicElements
    /// Findings of earlier hooks and of this one.
    var findings: TraceFindings
    /// What the rules add to dynamic maps.
    var learnt: DynamicElements
    var steps: [TraceStep] = []
    var notes: [String] = []
    private(set) var ended: [(flow: Flow, ending: WalkEnding)] = []
    private(set) var scope = StepScope([])

    /// Runs the chain and then its policy; `ended` holds all flows afterwards.
    mutating func run(_ flows: [Flow]) {
        let entering = flows.merged()
        scope = StepScope(entering)
        let left = walk(Place(chain: base, stack: [base.name]), entering)
        guard context.hook.dropsByDefault, !left.isEmpty else {
            end(left, .accepted)
            return
        }
        recordPolicy(left)
        findings.reason = findings.reason ?? "the policy of \(base.name)"
        end(left, .dropped)
    }

    private mutating func end(_ flows: [Flow], _ ending: WalkEnding) {
        ended += flows.map { ($0, ending) }
    }

    /// The flows that reach the chain's end or return.
    private mutating func walk(_ place: Place, _ flows: [Flow]) -> [Flow] {
        var live = flows
        var returned: [Flow] = []
        for (index, rule) in place.chain.rules.enumerated() where !live.isEmpty {
            guard count(live.count) else {
                end(live, .undecided)
                live = []
                break
            }
            var run = NFTRuleRun(rule: rule, index: index, live: live)
            perform(&run, at: place)
            record(run, at: place)
            ended += run.ended
            live = run.stopped + run.live
            for (verdict, flows) in run.verdicts {
                live += follow(verdict, flows, run, at: place, &returned)
            }
            live = live.merged()
        }
        return (returned + live).merged()
    }

    /// False if the trace has to stop early.
    mutating func count(_ tests: Int) -> Bool {
        findings.count(tests, limit: input.testLimit)
    }

    /// The result continues with the next rule.
    private mutating func follow(
        _ verdict: NFTVerdict,
        _ flows: [Flow],
        _ run: NFTRuleRun,
        at place: Place,
        _ returned: inout [Flow]
    ) -> [Flow] {
        switch verdict {
        case .accept: end(flows, .accepted)
        case .drop:
            noteRefusal(run, at: place)
            end(flows, .dropped)
        case .returnToCaller: returned += flows
        case .jump(let name): return enter(name, flows, run, from: place)
        case .goto(let name): returned += enter(name, flows, run, from: place)
        }
        return []
    }

    private mutating func enter(
        _ name: NFTChainName,
        _ flows: [Flow],
        _ run: NFTRuleRun,
        from place: Place
    ) -> [Flow] {
        let chain = input.state.chains[name]
        let obstacle = input.obstacle(
            to: name,
            exists: chain != nil,
            stack: place.stack,
            depth: place.depth,
            at: text(place, run.index)
        )
        guard let chain, obstacle == nil else {
            if let obstacle { findings.report(obstacle) }
            end(flows, .undecided)
            return []
        }
        let said = run.setReasons.joined(separator: "; ")
        let below = Place(
            chain: chain,
            stack: place.stack + [name],
            reason: said.isEmpty ? place.reason : said
        )
        return walk(below, flows)
    }
}
