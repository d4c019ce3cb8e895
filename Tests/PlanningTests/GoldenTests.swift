import TestSupport
import Testing

/// Golden files say what changed; the tracer with hand-written flows says that it is right.
@Suite("Goldens")
struct GoldenTests {
    static let directory =
        #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/Goldens"
    static let scenarios = GoldenScenario.all(in: directory)

    @Test("There are scenarios")
    func existence() {
        #expect(Self.scenarios.count >= 40)
    }

    @Test("Plan, flows and issues are as written down", arguments: scenarios)
    func scenario(_ scenario: GoldenScenario) throws {
        for problem in try GoldenCheck.problems(of: scenario) {
            Issue.record("\(scenario.name): \(problem)")
        }
    }
}
