import Addressing
import DataplaneModel
import PacketTracing
import Planning
import ProxyModes

/// Holds a scenario's files against what is planned now.
///
/// With FAIRLEAD_RECORD=1 in the environment, generated files are written anew; flows never are. A
/// missing file is written and still counts as wrong, until it was read.
package struct GoldenCheck {
    private let scenario: GoldenScenario
    private var used: Set<String> = ["input.yaml", "config.yaml"]
    private var problems: [String] = []

    private init(_ scenario: GoldenScenario) {
        self.scenario = scenario
    }

    /// What is wrong; empty is good.
    package static func problems(of scenario: GoldenScenario) throws -> [String] {
        var check = GoldenCheck(scenario)
        try check.run()
        return check.problems
    }

    private mutating func run() throws {
        guard scenario.text("input.yaml") != nil else {
            problems.append("input.yaml is missing")
            return
        }
        guard scenario.text("flows.txt") != nil else {
            problems.append("flows.txt is missing: write down where packets have to go")
            return
        }
        for mode in ProxyMode.allCases { try check(mode.planned) }
        try checkSockets()
        for file in scenario.files.subtracting(used).sorted() {
            problems.append("\(file): nothing reads this file")
        }
    }

    /// Plans, changes, issues and flows of one mode.
    private mutating func check<Mode: PlannedMode>(
        _ mode: Mode.Type
    ) throws {
        var plans = GoldenPlans(mode, settings: try scenario.settings())
        var sockets = GoldenSockets(settings: try scenario.settings(), mode: mode.mode)
        _ = plans.take(scenario.text("input.yaml") ?? "")
        _ = sockets.take(scenario.text("input.yaml") ?? "")
        try comparePlan(plans.text, mode)
        try compareIssues(plans.issues, mode.mode)
        try checkFlows("flows.txt", plans, sockets, mode.mode)
        for transition in scenario.transitions {
            let file = "\(transition).yaml"
            used.insert(file)
            guard let manifest = scenario.text(file) else { continue }
            _ = sockets.take(manifest)
            try compare(
                GoldenPlans<Mode>.text(plans.take(manifest)),
                "\(transition).\(mode.mode.rawValue).diff"
            )
            if plans.text != plans.afresh().text {
                problems.append(
                    "\(file): the \(mode.mode.rawValue) plan depends on what was there before"
                )
            }
            try checkFlows("\(transition).flows.txt", plans, sockets, mode.mode)
        }
    }

    /// The socket level's plan and changes; its flows are checked with each mode below it.
    private mutating func checkSockets() throws {
        var sockets = GoldenSockets(settings: try scenario.settings(), mode: .nftables)
        _ = sockets.take(scenario.text("input.yaml") ?? "")
        try compare(sockets.text, "socket.plan")
        for transition in scenario.transitions {
            guard let manifest = scenario.text("\(transition).yaml") else { continue }
            let changes = sockets.take(manifest)
            try compare(GoldenSockets.text(changes), "\(transition).socket.diff")
            if sockets.text != sockets.afresh().text {
                problems.append(
                    "\(transition).yaml: the socket plan depends on what was there before"
                )
            }
        }
    }

    /// A mode's own issues are in a file of its own where they differ from the usual ones.
    private mutating func compareIssues(_ issues: String, _ mode: ProxyMode) throws {
        let own = "issues.\(mode.rawValue).txt"
        let file = scenario.text(own) == nil ? "issues.txt" : own
        if issues.isEmpty, scenario.text(file) == nil { return }
        try compare(issues, file)
    }

    private mutating func compare(_ text: String, _ file: String) throws {
        used.insert(file)
        var golden = GoldenFile("\(scenario.directory)/\(file)")
        try golden.compare(text)
        problems += golden.problems
    }

    /// A plan's file and the skeleton are this plan, and the file is the shortest that is.
    private mutating func comparePlan<Mode: PlannedMode>(
        _ plan: String,
        _ mode: Mode.Type
    ) throws {
        let file = "\(mode.mode.rawValue).plan"
        let skeleton = try GoldenSkeleton.of(mode, in: scenario.collection).text
        try compare(SkeletonDifference.text(of: plan, over: skeleton), file)
        do {
            let written = scenario.text(file) ?? ""
            let expected = try SkeletonDifference.plan(written, over: skeleton)
            if expected != plan {
                let difference = GoldenFile.firstDifference(expected, plan)
                problems.append("\(file) on the skeleton is another plan:\n\(difference)")
            }
        } catch {
            problems.append("\(file) does not fit the skeleton: \(error)")
        }
    }

    private mutating func checkFlows<Mode: PlannedMode>(
        _ file: String,
        _ plans: GoldenPlans<Mode>,
        _ sockets: GoldenSockets,
        _ mode: ProxyMode
    ) throws {
        guard let text = scenario.text(file) else { return }
        used.insert(file)
        var flows = try FlowFile(parsing: text)
        if flows.network.localAddresses.isEmpty {
            flows.network.localAddresses = Set(GoldenScenario.facts.localAddresses)
        }
        guard !flows.flows.isEmpty else {
            problems.append("\(file) holds no flow")
            return
        }
        func tracer(_ family: IPFamily, _ network: NodeNetwork) -> (any FlowTracer)? {
            plans.planner(family).map { Mode.tracer($0.plan, network: network, planner: $0) }
        }
        problems += flows.mismatches(in: mode, tracer: tracer)
            .map { "\(mode.rawValue): \(file) \($0)" }
        problems += flows.socketMismatches(in: mode) { family, network in
            tracer(family, network).flatMap { sockets.tracer(family, network, rules: $0) }
        }
        .map { "\(mode.rawValue) below the socket level: \(file) \($0)" }
    }
}
