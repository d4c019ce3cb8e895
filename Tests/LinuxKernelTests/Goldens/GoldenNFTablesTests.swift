import Addressing
import DataplaneModel
import HostFacts
import NFTables
import Planning
import ProxyModes
import ServiceModel
import TestSupport
import Testing

/// The kernel agrees with every plan of nftables mode: nft takes its text, and what our store
/// applies is what it observes, at every step.
@Suite("Goldens of nftables mode in the kernel")
@KernelThread
struct GoldenNFTablesTests {
    @Test("Taken by nft, applied, observed, no difference", arguments: GoldenKernelTests.scenarios)
    func scenario(_ scenario: GoldenScenario) throws {
        try NetworkNamespace.enterNew()
        let input = try #require(scenario.text("input.yaml"))
        var plans = GoldenPlans(NFTablesMode.self, settings: try scenario.settings())
        _ = plans.take(input)
        for family in plans.families {
            let text = NFTablesMode.text(family.planner.plan, family.family)
            try Program.check(["nft", "--check", "-f", "-"], input: text)
        }
        let stores = plans.families.map { NFTablesStore(family: $0.family) }
        for (family, store) in zip(plans.families, stores) {
            try apply(NFTablesDiff(from: try store.observe().state, to: family.planner.plan), store)
            try compare(family.planner.plan, store)
        }
        for transition in scenario.transitions {
            let manifest = try #require(scenario.text("\(transition).yaml"))
            for (index, change) in plans.take(manifest).enumerated() {
                try apply(change.diff, stores[index])
                try compare(plans.families[index].planner.plan, stores[index])
            }
        }
    }

    @Test("A hundred random changes end in the state of a fresh load", arguments: 1...2)
    func randomChanges(_ seed: Int) throws {
        let settings = PlannerSettings(
            node: NodeIdentity(name: "node-a", zone: "zone-1"),
            localAddresses: GoldenScenario.facts.localAddresses
        )
        for family in IPFamily.allCases {
            try NetworkNamespace.enterNew()
            var random = RandomSnapshots(seed: UInt64(seed))
            var desired = DesiredState(family: family, settings: settings)
            var planner = NFTablesPlanner(family: family, settings: settings)
            let store = NFTablesStore(family: family)
            try apply(NFTablesDiff(from: NFTablesState(), to: planner.plan), store)
            for _ in 0..<100 {
                try apply(planner.plan(desired.select(random.next()), of: desired), store)
            }
            try compare(planner.plan, store)
            let changed = try store.observe().state
            try NetworkNamespace.enterNew()
            let fresh = NFTablesStore(family: family)
            try apply(NFTablesDiff(from: NFTablesState(), to: planner.plan), fresh)
            let isSame = try fresh.observe().state == changed
            #expect(isSame)
        }
    }

    private func apply(_ diff: NFTablesDiff, _ store: NFTablesStore) throws {
        #expect(try store.apply(diff).failures.isEmpty)
        // Older kernels let go of chains and sets a moment later.
        try store.performDueWork(expecting: nil)
    }

    private func compare(_ plan: NFTablesState, _ store: NFTablesStore) throws {
        let left = NFTablesDiff(from: try store.observe().state, to: plan)
        if !left.isEmpty {
            let text = NFTablesMode.text(left, store.family)
            Issue.record("\(store.family.rawValue) differs in the kernel:\n\(text)")
        }
    }
}
