import Addressing
import Planning
import ServiceModel
import TestSupport
import Testing

/// Drives a planner through random changes and checks what must hold for every mode.
struct PlannerWalk<P: Planner> where P.Diff: Equatable {
    let make: (IPFamily, PlannerSettings) -> P

    /// One change and what it brought.
    struct Step {
        var before: P.State
        var diff: P.Diff
        var planner: P
        var desired: DesiredState
        var update: SnapshotUpdate
    }

    /// The node and ranges that all walks play on.
    static var settings: PlannerSettings {
        PlannerSettings(
            node: NodeIdentity(
                name: "node-a",
                zone: "zone-1",
                addresses: GoldenScenario.facts.primaryAddresses
            ),
            localAddresses: GoldenScenario.facts.localAddresses,
            detector: .sources([IPPrefix(IPAddress(ipv4: 0x0ab4_0000), length: 16)]),
            serviceCIDRs: [IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 16)],
            socketLB: SocketLBSettings(protocols: [.tcp, .udp])
        )
    }

    func walk(_ family: IPFamily = .ipv4, seed: Int, _ visit: (Step) throws -> Void) rethrows {
        var random = RandomSnapshots(seed: UInt64(seed))
        var desired = DesiredState(family: family, settings: Self.settings)
        var planner = make(family, Self.settings)
        for _ in 0..<60 {
            let update = random.next()
            let before = planner.plan
            let diff = planner.plan(desired.select(update), of: desired)
            try visit(
                Step(before: before, diff: diff, planner: planner, desired: desired, update: update)
            )
        }
    }

    /// A plan depends on the Services only, not on the way to them; `text` is its whole text.
    func checkIndependence(seed: Int, _ text: (P.State, IPFamily) -> String) {
        for family in IPFamily.allCases {
            walk(family, seed: seed) { step in
                var desired = DesiredState(family: family, settings: Self.settings)
                var planner = make(family, Self.settings)
                let everything = SnapshotUpdate(snapshot: step.update.snapshot, changed: .all)
                planner.load(desired.select(everything), of: desired)
                let isSame = text(planner.plan, family) == text(step.planner.plan, family)
                #expect(isSame)
                #expect(planner.issues == step.planner.issues)
            }
        }
    }

    /// The operations of a step are all that lead from the old plan to the new one.
    func checkSufficiency(seed: Int) {
        walk(seed: seed) { step in
            // Compared outside of #expect, which would print both.
            let isWhole = step.diff == P.Diff(from: step.before, to: step.planner.plan)
            #expect(isWhole)
        }
    }

    /// The same Services again change nothing.
    func checkStability(seed: Int) {
        walk(seed: seed) { step in
            var (planner, desired) = (step.planner, step.desired)
            let again = SnapshotUpdate(snapshot: step.update.snapshot, changed: .all)
            #expect(planner.plan(desired.select(again), of: desired).isEmpty)
        }
    }

    /// Without the difference, the plan becomes the same.
    func checkLoading(seed: Int) {
        var random = RandomSnapshots(seed: UInt64(seed))
        var desired = DesiredState(family: .ipv4, settings: Self.settings)
        var planner = make(.ipv4, Self.settings)
        for _ in 0..<60 {
            let names = desired.select(random.next())
            var loaded = planner
            loaded.load(names, of: desired)
            _ = planner.plan(names, of: desired)
            let isSame = loaded.plan == planner.plan
            #expect(isSame)
            #expect(loaded.issues == planner.issues)
            swap(&planner, &loaded)
        }
    }

    /// What a third endpoint for one of 3000 Services brings.
    func changeInLargeCluster() -> (empty: P.State, full: P.State, diff: P.Diff) {
        var cluster = LargeCluster(services: 3000)
        var desired = DesiredState(family: .ipv4, settings: Self.settings)
        var planner = make(.ipv4, Self.settings)
        let empty = planner.plan
        _ = planner.plan(desired.select(cluster.everything), of: desired)
        let full = planner.plan
        let one = cluster.setEndpoints(of: 1234, to: 3)
        return (empty, full, planner.plan(desired.select(one), of: desired))
    }
}
