import Addressing
import DataplaneModel
import Foundation
import Glibc
import HostFacts
import Planning
import ProxyModes
import TestSupport
import Testing
import XTables

/// The kernel agrees with every golden plan: iptables takes its text, and what our store applies is
/// what it observes, at every step of every scenario.
@Suite("Goldens in the kernel")
@KernelThread
struct GoldenKernelTests {
    private nonisolated static let directory =
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        + "/PlanningTests/Goldens"
    nonisolated static let scenarios = GoldenScenario.all(in: directory)

    private nonisolated static let lock = XTablesLock.Configuration(
        path: TestDirectory.lock
    )

    @Test("There are scenarios")
    func existence() {
        #expect(Self.scenarios.count >= 40)
    }

    @Test("Taken by iptables, applied, observed, no difference", arguments: scenarios)
    func scenario(_ scenario: GoldenScenario) throws {
        try NetworkNamespace.enterNew()
        let input = try #require(scenario.text("input.yaml"))
        var plans = GoldenPlans(IPTablesMode.self, settings: try scenario.settings())
        _ = plans.take(input)
        for family in plans.families { try checkText(family) }
        // From nothing, then with the operations of each change.
        for family in plans.families {
            let all = IPTablesDiff(from: IPTablesState(), to: family.planner.plan)
            try apply(all, to: family)
        }
        for transition in scenario.transitions {
            let manifest = try #require(scenario.text("\(transition).yaml"))
            for (family, diff) in plans.take(manifest) {
                let plan = try #require(plans.families.first { $0.family == family })
                try apply(diff, to: plan)
            }
        }
    }

    private func checkText(_ plan: GoldenPlans<IPTablesMode>.FamilyPlan) throws {
        let program = plan.family == .ipv4 ? "iptables" : "ip6tables"
        let text = IPTablesRenderer(family: plan.family).render(plan.planner.plan)
        try Program.check(
            Program.locking(Self.lock.path, ["\(program)-legacy-restore", "--test"]),
            input: text
        )
    }

    private func apply(_ diff: IPTablesDiff, to plan: GoldenPlans<IPTablesMode>.FamilyPlan) throws {
        let store = IPTablesStore(
            family: plan.family,
            lock: Self.lock,
            owns: Ownership.fairlead.owns(chain:)
        )
        let report = try store.apply(diff)
        #expect(report.failures.isEmpty)
        let left = IPTablesDiff(from: try store.observe().state, to: plan.planner.plan)
        if !left.isEmpty {
            let text = IPTablesRenderer(family: plan.family).render(left)
            Issue.record("\(plan.family.rawValue) differs in the kernel:\n\(text)")
        }
    }
}
