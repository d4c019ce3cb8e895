import Addressing
import DataplaneModel
import Glibc
import HostFacts
import IPVS
import Planning
import ProxyModes
import TestSupport
import Testing
import XTables

/// The kernel agrees with every golden plan of ipvs mode: what our store applies is what it
/// observes, at every step of every scenario; the real tools take the plan's text and print it.
@Suite("Goldens of ipvs mode in the kernel", .enabled(if: isUML))
@KernelThread
struct GoldenUMLTests {
    @Test(
        "Applied, observed, no difference; taken and printed",
        arguments: GoldenKernelTests.scenarios
    )
    func scenario(_ scenario: GoldenScenario) throws {
        let input = try #require(scenario.text("input.yaml"))
        var plans = GoldenPlans(IPVSMode.self, settings: try scenario.settings())
        _ = plans.take(input)
        for family in plans.families {
            try NetworkNamespace.enterNew()
            try Program.check(["ip", "link", "set", "lo", "up"])
            try restoreText(family)
        }
        try NetworkNamespace.enterNew()
        // IPVS takes no real server before some interface was up.
        try Program.check(["ip", "link", "set", "lo", "up"])
        let stores = plans.families.map { Self.store($0.family) }
        for (family, store) in zip(plans.families, stores) {
            let all = IPVSDiff(from: try store.observe().state, to: family.planner.plan)
            try apply(all, with: store, to: family)
        }
        try comparePrinted(plans)
        for transition in scenario.transitions {
            let manifest = try #require(scenario.text("\(transition).yaml"))
            for (index, change) in plans.take(manifest).enumerated() {
                try apply(change.diff, with: stores[index], to: plans.families[index])
            }
        }
        for (family, store) in zip(plans.families, stores) {
            #expect(store.removeEverything().failures.isEmpty)
            #expect(try store.observe().state == IPVSState(), "\(family.family)")
        }
    }

    private static let lockFile = TestDirectory.lock

    private static func store(_ family: IPFamily) -> IPVSStore {
        IPVSStore(
            family: family,
            IPVSStore.Configuration(
                lock: XTablesLock.Configuration(path: lockFile),
                drainTimeout: .seconds(60),
                addressSet: NameScheme.set(.addresses, family)
            )
        )
    }

    private func apply(
        _ diff: IPVSDiff,
        with store: IPVSStore,
        to plan: GoldenPlans<IPVSMode>.FamilyPlan
    ) throws {
        let report = try store.apply(diff)
        #expect(report.failures.isEmpty)
        let left = IPVSDiff(from: try store.observe().state, to: plan.planner.plan)
        if !left.isEmpty {
            let text = IPVSRenderer(family: plan.family).render(left)
            Issue.record("\(plan.family.rawValue) differs in the kernel:\n\(text)")
        }
    }

    /// Each part of the text, by the program its heading names.
    private func restoreText(_ plan: GoldenPlans<IPVSMode>.FamilyPlan) throws {
        let text = IPVSRenderer(family: plan.family).render(plan.planner.plan)
        var program: [String] = []
        var lines: [Substring] = []
        func finish() throws {
            guard !program.isEmpty else { return }
            if program[0] == "ipvsadm" { lines.removeAll { $0.hasPrefix("#") } }
            let call = Program.locking(Self.lockFile, program)
            try Program.check(call, input: lines.joined(separator: "\n") + "\n")
        }
        let programs = [
            "ipset", "iptables-legacy-restore", "ip6tables-legacy-restore", "ipvsadm", "ip",
        ]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            // `# Sets: ipset restore`
            let named = line.hasPrefix("# ") ? words.firstIndex { programs.contains($0) } : nil
            guard let named, words[named - 1].hasSuffix(":") else {
                lines.append(line)
                continue
            }
            try finish()
            program = Array(words[named...].prefix { $0 != "without" })
                .map { $0.hasSuffix(",") ? String($0.dropLast()) : $0 }
            lines = []
        }
        try finish()
    }

    /// ipvsadm and ipset print what the plan says.
    private func comparePrinted(_ plans: GoldenPlans<IPVSMode>) throws {
        let servers = plans.families.flatMap { $0.planner.plan.sortedServers.flatMap(\.saveLines) }
        let printed = try Program.check(["ipvsadm", "-Sn"])
        let lines = printed.split(separator: "\n").map(String.init)
        #expect(Set(lines).symmetricDifference(servers) == [])
        let entries = plans.families.flatMap { family in
            family.planner.plan.sortedSets.flatMap { $0.saveLines.dropFirst() }
        }
        let saved = try Program.check(["ipset", "save"]).split(separator: "\n").map(String.init)
        let added = saved.filter { $0.hasPrefix("add ") }
        #expect(Set(added).symmetricDifference(entries) == [])
    }
}
