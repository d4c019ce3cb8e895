import Glibc

/// Programs of the build that the running program belongs to.
package enum BuiltProgram {
    package static var agent: String { path("fairlead-lab-agent") }
    package static var fairlead: String { path("fairlead") }

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
