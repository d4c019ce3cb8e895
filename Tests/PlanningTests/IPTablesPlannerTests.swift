import Addressing
import DataplaneModel
import Planning
import ServiceModel
import TestSupport
import Testing

/// What holds for every plan, whatever Services there are.
@Suite("IPTablesPlanner")
struct IPTablesPlannerTests {
    private struct Step {
        var before: IPTablesState
        var diff: IPTablesDiff
        var planner: IPTablesPlanner
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

    /// Walks through random changes and shows each.
    private func walk(
        _ family: IPFamily,
        seed: UInt64,
        steps: Int = 60,
        _ visit: (Step) throws -> Void
    ) rethrows {
        var random = RandomSnapshots(seed: seed)
        var desired = DesiredState(family: family, settings: Self.settings)
        var planner = IPTablesPlanner(family: family, settings: Self.settings)
        for _ in 0..<steps {
            let update = random.next()
            let before = planner.plan
            let names = desired.select(update)
            let diff = planner.plan(names, of: desired)
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
                var planner = IPTablesPlanner(family: family, settings: Self.settings)
                let everything = SnapshotUpdate(snapshot: step.update.snapshot, changed: .all)
                _ = planner.plan(desired.select(everything), of: desired)
                let difference = IPTablesDiff(from: step.planner.plan, to: planner.plan)
                if !difference.isEmpty {
                    let text = IPTablesRenderer(family: family).render(difference)
                    Issue.record("\(family) differs:\n\(text)")
                }
                #expect(planner.issues == step.planner.issues)
            }
        }
    }

    @Test("The operations of a step lead from the old plan to the new one", arguments: 1...4)
    func sufficiency(_ seed: Int) {
        walk(.ipv4, seed: UInt64(seed)) { step in
            let whole = IPTablesDiff(from: step.before, to: step.planner.plan)
            #expect(step.diff.count == whole.count)
            #expect(step.diff.isEmpty == whole.isEmpty)
        }
    }

    @Test("Every jump leads to a chain of the table, and names fit the kernel", arguments: 1...4)
    func integrity(_ seed: Int) {
        walk(.ipv4, seed: UInt64(seed)) { step in
            for table in TableName.allCases {
                let owned = step.planner.plan[table]
                for rule in owned.chains.values.flatMap(\.rules) + owned.jumps.map(\.rule) {
                    guard let chain = Self.chain(rule.target) else { continue }
                    #expect(owned.chains[chain] != nil, "\(table) \(chain)")
                }
                // XT_EXTENSION_MAXNAMELEN less its end: 28 characters.
                #expect(owned.chains.keys.allSatisfy { $0.text.utf8.count <= 28 })
                #expect(owned.chains.keys.allSatisfy { NameScheme.owns(chain: $0.text) })
            }
        }
    }

    private static func chain(_ target: Target) -> ChainName? {
        switch target {
        case .jump(let chain), .goto(let chain): chain
        default: nil
        }
    }

    @Test("The same Services again change nothing")
    func stability() {
        walk(.ipv4, seed: 9) { step in
            var (planner, desired) = (step.planner, step.desired)
            let again = SnapshotUpdate(snapshot: step.update.snapshot, changed: .all)
            #expect(planner.plan(desired.select(again), of: desired).isEmpty)
        }
    }

    @Test("One endpoint more is one chain changed, however many Services there are")
    func locality() {
        var cluster = LargeCluster(services: 3000)
        var desired = DesiredState(family: .ipv4, settings: Self.settings)
        var planner = IPTablesPlanner(family: .ipv4, settings: Self.settings)
        _ = planner.plan(desired.select(cluster.everything), of: desired)
        let one = cluster.setEndpoints(of: 1234, to: 3)
        let diff = planner.plan(desired.select(one), of: desired)
        #expect(diff.count == 1)
    }
}
