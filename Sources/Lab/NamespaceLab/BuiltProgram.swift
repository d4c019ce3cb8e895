import Glibc

/// Programs of the build that the running program belongs to.
package enum BuiltProgram {
    /// `fairlead-lab` as the servers and clients of a lab.
    package static var agent: [String] { [lab, "agent"] }
    package static var lab: String { path("fairlead-lab") }
    package static var fairlead: String { path("fairlead") }

    /// The program `fairlead`: beside the running one, else the first in PATH, else nil.
    package static func findFairlead() -> String? {
        let directories = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
        let others = directories.split(separator: ":").map { "\($0)/fairlead" }
        return ([fairlead] + others).first { unsafe $0.hasPrefix("/") && access($0, X_OK) == 0 }
    }

    /// The path of the running one.
    package static var own: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        return String(
            decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
    }

    /// In the directory of the running one.
    private static func path(_ name: String) -> String {
        let directory = own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        return (directory + [Substring(name)]).joined(separator: "/")
    }
}
