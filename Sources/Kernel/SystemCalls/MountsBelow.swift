import Glibc

/// Whether file systems or files have been mounted or unmounted below a directory, of which there are no events.
package struct MountsBelow: Sendable {
    private var last: Set<String> = []

    /// Takes the present state for the first one.
    package init(_ directory: String) { last = Self.present(below: directory) }

    /// Since the last call. False where mounts cannot be read.
    package mutating func haveChanged(below directory: String) -> Bool {
        let present = Self.present(below: directory)
        defer { last = present }
        return present != last
    }

    private static func present(below directory: String) -> Set<String> {
        guard let real = unsafe realpath(directory, nil) else { return [] }
        defer { unsafe free(real) }
        guard let bytes = try? WholeFile.read("/proc/self/mountinfo", limit: 1 << 24) else {
            return []
        }
        return entries(
            below: unsafe String(cString: real),
            in: String(decoding: bytes, as: UTF8.self)
        )
    }

    /// The lines of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)) whose mount point, the fifth word, is below a directory
    /// without symbolic links. Each has a number of its own, which a new mount in the same place does not have.
    static func entries(below directory: String, in text: String) -> Set<String> {
        let beginning = directory == "/" ? "/" : escaped(directory) + "/"
        return Set(
            text.split(separator: "\n").filter { line in
                let words = line.split(separator: " ", maxSplits: 5)
                return words.count > 5 && words[4].hasPrefix(beginning)
            }.map(String.init)
        )
    }

    /// As the kernel writes paths there (`mangle_path` of fs/seq_file.c).
    private static func escaped(_ path: String) -> String {
        path.replacing("\\", with: "\\134").replacing(" ", with: "\\040")
            .replacing("\t", with: "\\011").replacing("\n", with: "\\012")
    }
}
