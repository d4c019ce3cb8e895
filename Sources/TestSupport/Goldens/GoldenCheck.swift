import Addressing
import DataplaneModel
import Foundation
import Planning
import Tracing

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
        guard let input = scenario.text("input.yaml") else {
            problems.append("input.yaml is missing")
            return
        }
        var plans = GoldenPlans(settings: try scenario.settings())
        _ = plans.take(input)
        try compare(plans.text, "iptables.plan")
        try compareIssues(plans.issues)
        guard scenario.text("flows.txt") != nil else {
            problems.append("flows.txt is missing: write down where packets have to go")
            return
        }
        try checkFlows("flows.txt", plans)
        for transition in scenario.transitions { try check(transition, &plans) }
        for file in scenario.files.subtracting(used).sorted() {
            problems.append("\(file): nothing reads this file")
        }
    }

    private mutating func check(_ transition: String, _ plans: inout GoldenPlans) throws {
        let file = "\(transition).yaml"
        used.insert(file)
        guard let manifest = scenario.text(file) else { return }
        try compare(GoldenPlans.text(plans.take(manifest)), "\(transition).diff")
        if plans.text != plans.afresh().text {
            problems.append("\(file): the plan depends on what was there before")
        }
        try checkFlows("\(transition).flows.txt", plans)
    }

    private mutating func compareIssues(_ issues: String) throws {
        if issues.isEmpty, scenario.text("issues.txt") == nil { return }
        try compare(issues, "issues.txt")
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

    private mutating func checkFlows(_ file: String, _ plans: GoldenPlans) throws {
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
        problems += flows.mismatches(in: .iptables) { family, network in
            plans.plan(family).map { state in
                PacketTracer(state, network: network) { IPTablesRenderer(family: $1).render($0) }
            }
        }
        .map { "\(file) \($0)" }
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
