import Addressing
import DataplaneModel
import ServiceModel
import TestSupport
import Testing

@testable import Planning

/// What holds for every plan of ipvs mode, whatever Services there are.
@Suite("IPVSPlanner")
struct IPVSPlannerTests {
    private struct Step {
        var before: IPVSState
        var diff: IPVSDiff
        var planner: IPVSPlanner
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
        settings: PlannerSettings = settings,
        _ visit: (Step) throws -> Void
    ) rethrows {
        var random = RandomSnapshots(seed: seed)
        var desired = DesiredState(family: family, settings: settings)
        var planner = IPVSPlanner(family: family, settings: settings)
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
                var planner = IPVSPlanner(family: family, settings: Self.settings)
                let everything = SnapshotUpdate(snapshot: step.update.snapshot, changed: .all)
                _ = planner.plan(desired.select(everything), of: desired)
                let renderer = IPVSRenderer(family: family)
                #expect(renderer.render(step.planner.plan) == renderer.render(planner.plan))
                #expect(planner.issues == step.planner.issues)
            }
        }
    }

    @Test("The operations of a step lead from the old plan to the new one", arguments: 1...4)
    func sufficiency(_ seed: Int) {
        walk(.ipv4, seed: UInt64(seed)) { step in
            let whole = IPVSDiff(from: step.before, to: step.planner.plan)
            let isWhole = step.diff == whole
            #expect(isWhole)
        }
    }

    @Test("Rules are the same however many Services there are, and ask sets that are there")
    func constantRules() {
        let empty = IPVSPlanner(family: .ipv4, settings: Self.settings).plan
        walk(.ipv4, seed: 3) { step in
            #expect(step.planner.plan.iptables == empty.iptables)
        }
        for table in TableName.allCases {
            for rule in empty.iptables[table].chains.values.flatMap(\.rules) {
                for case .set(let name, _, _) in rule.matches {
                    #expect(empty.sets[name] != nil, "\(name)")
                }
                if case .markFromSet(let name, _) = rule.target {
                    #expect(empty.sets[name]?.carriesMarks == true)
                }
            }
        }
    }

    @Test("Every frontend has a server, an entry and, if it is no node port, its address")
    func integrity() {
        walk(.ipv4, seed: 5) { step in
            let plan = step.planner.plan
            let services = plan.sets[NameScheme.set(.services, .ipv4)]?.entries ?? [:]
            var frontends = 0
            for key in plan.servers.keys {
                guard case .frontend(let socket, let transport) = key else { continue }
                frontends += 1
                #expect(services[.frontend(socket, transport)] != nil)
                let isOwn = GoldenScenario.facts.localAddresses.contains(socket.address)
                #expect(isOwn || plan.binding.addresses.contains(socket.address), "\(key)")
            }
            #expect(services.count == frontends)
            let bound = plan.sets[NameScheme.set(.addresses, .ipv4)]?.entries.keys.count
            #expect(bound == plan.binding.addresses.count)
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

    @Test("One endpoint more is one real server more, however many Services there are")
    func locality() {
        var cluster = LargeCluster(services: 3000)
        var desired = DesiredState(family: .ipv4, settings: Self.settings)
        var planner = IPVSPlanner(family: .ipv4, settings: Self.settings)
        _ = planner.plan(desired.select(cluster.everything), of: desired)
        let update = cluster.setEndpoints(of: 1234, to: 3)
        let diff = planner.plan(desired.select(update), of: desired)
        #expect(diff.count == 1)
        #expect(diff.servers.count == 1)
    }

    @Test("Marks for clients inside differ, stay in their half and do not depend on history")
    func marks() {
        func names(_ range: Range<Int>) -> Set<ServicePortName> {
            Set(
                range.map {
                    ServicePortName(
                        service: ServiceName(namespace: "shop", name: "s\($0)"),
                        port: "",
                        transport: .tcp
                    )
                }
            )
        }
        // So many that some want the same number.
        var grown = InsideMarks(masqueradeBit: 1 << 14)
        _ = grown.update(removing: [], adding: names(0..<1500))
        let moved = grown.update(removing: names(500..<1500), adding: names(1500..<2000))
        #expect(moved.isSuperset(of: names(500..<2000)))
        var fresh = InsideMarks(masqueradeBit: 1 << 14)
        _ = fresh.update(removing: [], adding: names(0..<500).union(names(1500..<2000)))
        #expect(grown.marks == fresh.marks)
        #expect(Set(fresh.marks.values).count == 1000)
        #expect(fresh.marks.values.allSatisfy { $0 & 0x8000_ffff == 0 && $0 != 0 })
        // With the masquerade bit in the upper half the marks are in the lower one.
        var low = InsideMarks(masqueradeBit: 1 << 20)
        _ = low.update(removing: [], adding: names(0..<10))
        #expect(low.marks.values.allSatisfy { $0 >> 16 == 0 && $0 != 0 })
    }
}
