package import Addressing
import DataplaneModel
import Foundation
package import ProxyModes
import Synchronization

/// What every plan of a mode holds: the plan of no Services on the usual node. It is in
/// `skeleton/MODE.FAMILY.plan` beside the scenarios, and read once in a process.
package struct GoldenSkeleton: Sendable {
    /// Both families, one after the other, as in a plan.
    package let text: String
    /// What is wrong with the files; empty is good.
    package let problems: [String]

    /// The folder of the files, beside the scenarios.
    package static let folder = "skeleton"

    private static let known = Mutex<[String: GoldenSkeleton]>([:])

    /// The skeleton beside these scenarios. Missing files are written, all are when recording.
    package static func of<Mode: PlannedMode>(
        _ mode: Mode.Type,
        in directory: String
    ) throws -> GoldenSkeleton {
        try known.withLock { known in
            if let skeleton = known[mode.mode.rawValue + directory] { return skeleton }
            let skeleton = try read(mode, in: directory)
            known[mode.mode.rawValue + directory] = skeleton
            return skeleton
        }
    }

    private static func read<Mode: PlannedMode>(
        _ mode: Mode.Type,
        in directory: String
    ) throws -> GoldenSkeleton {
        var (text, problems) = ("", [String]())
        let plans = GoldenPlans(mode, settings: GoldenScenario.usualSettings())
        for family in plans.families {
            let planned = plans.text(family)
            var file = GoldenFile("\(directory)/\(folder)/\(fileName(mode, family.family))")
            try file.compare(planned)
            problems += file.problems
            text += file.text ?? planned
        }
        return GoldenSkeleton(text: text, problems: problems)
    }

    package static func fileName<Mode: PlannedMode>(_ mode: Mode.Type, _ family: IPFamily) -> String
    {
        "\(mode.mode.rawValue).\(family.rawValue).plan"
    }
}

/// A file that is generated, held against what would be generated now.
///
/// With FAIRLEAD_RECORD=1 in the environment it is written anew. A missing file is written and
/// still counts as wrong, until it was read.
struct GoldenFile {
    static let isRecording = ProcessInfo.processInfo.environment["FAIRLEAD_RECORD"] == "1"

    let path: String
    private(set) var text: String?
    private(set) var problems: [String] = []

    init(_ path: String) {
        self.path = path
        text = FileManager.default.contents(atPath: path)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    private var name: String { String(path.split(separator: "/").last ?? "") }

    mutating func compare(_ generated: String) throws {
        guard text != generated else { return }
        if let text, !Self.isRecording {
            problems.append("\(name) differs:\n\(Self.firstDifference(text, generated))")
            return
        }
        if text == nil {
            problems.append("\(name) was missing and is written now; read it and run again")
        }
        try Data(generated.utf8).write(to: URL(fileURLWithPath: path))
        text = generated
    }

    /// The first line that differs, with its place.
    static func firstDifference(_ expected: String, _ found: String) -> String {
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
