import Foundation

/// Programs of the build that the running program belongs to.
package enum BuiltProgram {
    /// `fairlead-lab` as the servers and clients of a lab.
    package static var agent: [String] { [lab, "agent"] }
    package static var lab: String { path("fairlead-lab") }
    package static var fairlead: String { path("fairlead") }

    /// The program `fairlead`: beside the running one, else the first in PATH; nil without one.
    package static func findFairlead() -> String? {
        let directories = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let others = directories.split(separator: ":").map { "\($0)/fairlead" }
        return ([fairlead] + others).first {
            $0.hasPrefix("/") && FileManager.default.isExecutableFile(atPath: $0)
        }
    }

    /// The path of the running one; empty without /proc.
    package static var own: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    }

    /// In the directory of the running one.
    private static func path(_ name: String) -> String {
        (own as NSString).deletingLastPathComponent + "/\(name)"
    }
}
