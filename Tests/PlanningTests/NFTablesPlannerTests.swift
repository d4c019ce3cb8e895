import Addressing
import DataplaneModel
import ServiceModel
import TestSupport
import Testing

@testable import Planning

/// What holds for every plan of nftables mode, whatever Services there are.
@Suite("NFTablesPlanner")
struct NFTablesPlannerTests {
    private struct Step {
        var before: NFTablesState
        var diff: NFTablesDiff
        var planner: NFTablesPlanner
        var desired: DesiredState
        var update: SnapshotUpdate
    }

    private static let settings = PlannerSettings(
        node: NodeIdentity(
            name: "node-a",
            zone: "zone-1",
            addresses: GoldenScenario.facts.primaryAddresses
        ),
        localAddresses: GoldenScenario.facts.localAddresses,
        detector: .sources([IPPrefix(IPAddress(ipv4: 0x0ab4_0000), length: 16)]),
        serviceCIDRs: [IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 16)]
    )

    private func walk(
        _ family: IPFamily,
        seed: UInt64,
        _ visit: (Step) throws -> Void
    ) rethrows {
        var random = RandomSnapshots(seed: seed)
        var desired = DesiredState(family: family, settings: Self.settings)
        var planner = NFTablesPlanner(family: family, settings: Self.settings)
        for _ in 0..<60 {
            let update = random.next()
            let before = planner.plan
            let diff = planner.plan(desired.select(update), of: desired)
            try visit(
                Step(before: before, diff: diff, planner: planner, desired: desired, update: update)
            )
        }
    }

    @Test("A plan depends on the Services only, not on the way to them", arguments: 1...6)
    func independence(_ seed: Int) {
        for family in IPFamily.allCases {
            walk(family, seed: UInt64(seed)) { step in
                var desired = DesiredState(family: family, settings: Self.settings)
                var planner = NFTablesPlanner(family: family, settings: Self.settings)
                let everything = SnapshotUpdate(snapshot: step.update.snapshot, changed: .all)
                _ = planner.plan(desired.select(everything), of: desired)
                let isSame = planner.plan == step.planner.plan
                #expect(isSame)
                #expect(planner.issues == step.planner.issues)
            }
        }
    }

    @Test("The operations of a step lead from the old plan to the new one", arguments: 1...4)
    func sufficiency(_ seed: Int) {
        walk(.ipv4, seed: UInt64(seed)) { step in
            let whole = NFTablesDiff(from: step.before, to: step.planner.plan)
            let isWhole = step.diff == whole
            #expect(isWhole)
        }
    }

    @Test("Rules lead to chains and ask sets that are there", arguments: 1...3)
    func integrity(_ seed: Int) {
        walk(.ipv4, seed: UInt64(seed)) { step in
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

    @Test("Without session affinity Services are nothing but elements")
    func noObjects() {
        var cluster = LargeCluster(services: 3000)
        var desired = DesiredState(family: .ipv4, settings: Self.settings)
        var planner = NFTablesPlanner(family: .ipv4, settings: Self.settings)
        let empty = planner.plan
        _ = planner.plan(desired.select(cluster.everything), of: desired)
        #expect(planner.plan.chains == empty.chains)
        #expect(planner.plan.sets.count == empty.sets.count)
        // A third endpoint: itself, its hairpin, where the ClusterIP leads, and what moves.
        let diff = planner.plan(desired.select(cluster.setEndpoints(of: 1234, to: 3)), of: desired)
        #expect(diff.chains.isEmpty)
        #expect(diff.count <= 6)
    }

    @Test("The same Services again change nothing")
    func stability() {
        walk(.ipv4, seed: 9) { step in
            var (planner, desired) = (step.planner, step.desired)
            let again = SnapshotUpdate(snapshot: step.update.snapshot, changed: .all)
            #expect(planner.plan(desired.select(again), of: desired).isEmpty)
        }
    }
}
