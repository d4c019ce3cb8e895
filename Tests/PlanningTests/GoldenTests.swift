import Addressing
import DataplaneModel
import Foundation
import ProxyModes
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

    // MARK: - The skeletons

    @Test("What every plan of a mode holds is as written down, in files that are all read")
    func skeletons() throws {
        var files: Set<String> = []
        func check<Mode: PlannedMode>(_ mode: Mode.Type) throws {
            for problem in try GoldenSkeleton.of(mode, in: Self.directory).problems {
                Issue.record("\(GoldenSkeleton.folder): \(problem)")
            }
            files.formUnion(IPFamily.allCases.map { GoldenSkeleton.fileName(mode, $0) })
        }
        for mode in ProxyMode.allCases { try check(mode.planned) }
        let present = try FileManager.default.contentsOfDirectory(
            atPath: "\(Self.directory)/\(GoldenSkeleton.folder)"
        )
        #expect(Set(present) == files)
    }

    @Test("A changed line of a skeleton fails the scenario", arguments: scenarios)
    func changedSkeleton(_ scenario: GoldenScenario) throws {
        let skeleton = try GoldenSkeleton.of(IPTablesMode.self, in: Self.directory).text
        let text = try #require(scenario.text("\(IPTablesMode.mode.rawValue).plan"))
        let plan = try SkeletonDifference.plan(text, over: skeleton)
        let lines = skeleton.split(separator: "\n")
        for index in lines.indices {
            var changed = lines
            changed[index] += " -j LOG"
            let base = changed.map { $0 + "\n" }.joined()
            let other = try? SkeletonDifference.plan(text, over: base)
            #expect(other != plan, "line \(index + 1)")
        }
    }
}
