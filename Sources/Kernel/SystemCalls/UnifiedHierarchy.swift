import Glibc

/// The hierarchy of cgroup v2, which has all processes, also where most controllers are those of v1.
package enum UnifiedHierarchy {
    /// Where it is mounted first; nil if it is not.
    package static func mountPoint() -> String? {
        guard let bytes = try? WholeFile.read("/proc/self/mountinfo", limit: 1 << 24) else {
            return nil
        }
        return mountPoint(in: String(decoding: bytes, as: UTF8.self))
    }

    /// In the text of `/proc/PID/mountinfo`; of a mount of the whole hierarchy.
    package static func mountPoint(in text: String) -> String? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), dash + 1 < words.count, dash > 4,
                words[dash + 1] == "cgroup2", words[3] == "/"
            else { continue }
            return unescaped(words[4])
        }
        return nil
    }

    /// Blanks are `\040` there.
    private static func unescaped(_ word: Substring) -> String {
        var result: [UInt8] = []
        var rest = Array(word.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                result.append(code)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Whether a directory is the root of the host's hierarchy. In a cgroup namespace of its own, as
    /// containers have it, a mount shows a part as the whole; only the real root has no type.
    package static func isRoot(_ directory: String) -> Bool {
        unsafe access("\(directory)/cgroup.procs", F_OK) == 0
            && access("\(directory)/cgroup.type", F_OK) != 0
    }
}
