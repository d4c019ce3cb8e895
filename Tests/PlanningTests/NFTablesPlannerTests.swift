import Addressing
import DataplaneModel
import Planning
import ServiceModel
import Testing

/// What holds for every plan of nftables mode, whatever Services there are.
@Suite("NFTablesPlanner")
struct NFTablesPlannerTests {
    private let walk = PlannerWalk(make: NFTablesPlanner.init(family:settings:))

    @Test("A plan depends on the Services only, not on the way to them", arguments: 1...6)
    func independence(_ seed: Int) {
        walk.checkIndependence(seed: seed) { NFTablesRenderer(family: $1).render($0) }
    }

    @Test("The operations of a step lead from the old plan to the new one", arguments: 1...4)
    func sufficiency(_ seed: Int) {
        walk.checkSufficiency(seed: seed)
    }

    @Test("The plan is the same where changes are not asked for", arguments: 1...4)
    func loading(_ seed: Int) {
        walk.checkLoading(seed: seed)
    }

    @Test("The same Services again change nothing")
    func stability() {
        walk.checkStability(seed: 9)
    }

    @Test("Rules lead to chains and ask sets that are there", arguments: 1...3)
    func integrity(_ seed: Int) {
        walk.walk(seed: seed) { step in
            let plan = step.planner.plan
            for statement in plan.chains.values.flatMap(\.rules).flatMap(\.statements) {
                switch statement {
                case .verdict(let verdict):
                    if let chain = verdict.chain { #expect(plan.chains[chain] != nil) }
                case .contained(_, let set, _), .setPriorityFromMap(_, let set),
                    .destinationNAT(_, let set), .verdictMap(_, let set), .update(let set, _, _, _):
                    #expect(plan.sets[set] != nil, "\(set)")
                default: break
                }
            }
            for (_, data) in plan.sets.values.flatMap(\.elements) {
                guard case .verdict(let verdict) = data, let chain = verdict.chain else { continue }
                #expect(plan.chains[chain] != nil, "\(chain)")
            }
        }
    }

    @Test("Without session affinity Services are nothing but elements, and few of them change")
    func noObjects() {
        let (empty, full, diff) = walk.changeInLargeCluster()
        #expect(full.chains == empty.chains)
        #expect(full.sets.count == empty.sets.count)
        // A third endpoint: itself, its hairpin, where the ClusterIP leads, and what moves.
        #expect(diff.chains.isEmpty)
        #expect(diff.count <= 6)
    }

    @Test("The guard of 127.0.0.0/8 comes and goes with the rules that lead there")
    func localhostGuard() {
        let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        let desired = DesiredState(family: .ipv4, settings: settings)
        let without = NFTablesPlanner(family: .ipv4, settings: settings)
        var planner = without
        planner.keepsLocalhostGuard = true
        let coming = planner.plan([], of: desired)
        let guarded = planner.plan
        #expect(guarded.chains[NFTChainName("localhost")]?.rules.count == 2)
        #expect(guarded.chains[NFTChainName("guard-prerouting")]?.rules.count == 3)
        #expect(coming.chains.count == 2)
        #expect(planner.plan([], of: desired).isEmpty)
        planner.keepsLocalhostGuard = false
        #expect(planner.plan([], of: desired).chains.count == 2)
        #expect(planner.plan == without.plan)
    }
}
