import Addressing
import DataplaneModel
import Foundation
import PacketTracing
import Planning
import ProxyModes

/// Holds a scenario's files against what is planned now.
///
/// With FAIRLEAD_RECORD=1 in the environment, generated files are written anew; flows never are. A
/// missing file is written and still counts as wrong, until somebody has looked at it.
package struct GoldenCheck {
    private let scenario: GoldenScenario
    private let isRecording = ProcessInfo.processInfo.environment["FAIRLEAD_RECORD"] == "1"
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
        for file in scenario.files.subtracting(used).sorted() {
            problems.append("\(file): nothing reads this file")
        }
    }

    /// Plans, changes, issues and flows of one mode.
    private mutating func check<Mode: PlannedMode>(
        _ mode: Mode.Type
    ) throws {
        var plans = GoldenPlans(mode, settings: try scenario.settings())
        _ = plans.take(scenario.text("input.yaml") ?? "")
        try compare(plans.text, "\(mode.mode.rawValue).plan")
        try compareIssues(plans.issues, mode.mode)
        try checkFlows("flows.txt", plans, mode.mode)
        for transition in scenario.transitions {
            let file = "\(transition).yaml"
            used.insert(file)
            guard let manifest = scenario.text(file) else { continue }
            try compare(
                GoldenPlans<Mode>.text(plans.take(manifest)),
                "\(transition).\(mode.mode.rawValue).diff"
            )
            if plans.text != plans.afresh().text {
                problems.append(
                    "\(file): the \(mode.mode.rawValue) plan depends on what was there before"
                )
            }
            try checkFlows("\(transition).flows.txt", plans, mode.mode)
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
        let expected = scenario.text(file)
        if expected == text { return }
        if isRecording || expected == nil { try scenario.write(text, to: file) }
        switch expected {
        case nil: problems.append("\(file) was missing and is written now; read it and run again")
        case let expected? where !isRecording:
            problems.append("\(file) differs:\n\(Self.firstDifference(expected, text))")
        default: break
        }
    }

    private mutating func checkFlows<Mode: PlannedMode>(
        _ file: String,
        _ plans: GoldenPlans<Mode>,
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
        problems += flows.mismatches(in: mode) { family, network in
            plans.planner(family).map { Mode.tracer($0.plan, network: network, planner: $0) }
        }
        .map { "\(mode.rawValue): \(file) \($0)" }
    }

    /// The first line that differs, with its place.
    private static func firstDifference(_ expected: String, _ found: String) -> String {
        let old = expected.split(separator: "\n", omittingEmptySubsequences: false)
        let new = found.split(separator: "\n", omittingEmptySubsequences: false)
        let place = zip(old, new).enumerated().first { $1.0 != $1.1 }?.offset
        let line = place ?? min(old.count, new.count)
        func show(_ lines: [Substring]) -> String {
            line < lines.count ? String(lines[line]) : "(end)"
        }
        return "  line \(line + 1)\n  expected: \(show(old))\n  planned:  \(show(new))"
    }
}
