import Glibc

/// The process that holds the lock of flock(2) on a file, as the kernel lists it.
package struct LockHolder: Sendable, Equatable, CustomStringConvertible {
    package let pid: Int32
    /// What the kernel calls it; nil if that may not be read.
    package let name: String?
    /// It has ended since it took the lock, which a process has that inherited the open file.
    package let hasEnded: Bool

    /// `process 4711 (iptables-restor)`.
    package var description: String {
        let note = hasEnded ? "ended, and left it to a child" : name
        return "process \(pid)" + (note.map { " (\($0))" } ?? "")
    }

    /// Nil if nobody holds it, or the kernel does not say who: a process of another PID namespace is not listed.
    /// The corresponding file is `/proc/locks`.
    package static func find(_ path: String) -> LockHolder? {
        var file = stat()
        guard unsafe lstat(path, &file) == 0,
            let bytes = try? WholeFile.read("/proc/locks", limit: 1 << 20)
        else { return nil }
        let place = place(file)
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard let pid = holder(line, of: place) else { continue }
            let name = try? WholeFile.read("/proc/\(pid)/comm", limit: 1 << 10)
            return LockHolder(
                pid: pid,
                name: name.map { String(decoding: $0.prefix { $0 != 0x0a }, as: UTF8.self) },
                hasEnded: kill(pid, 0) != 0 && errno == ESRCH
            )
        }
        return nil
    }

    /// `08:01:4711`, as the kernel writes it: the device's numbers in hexadecimal, and the inode's.
    private static func place(_ file: stat) -> String {
        func hexadecimal(_ number: UInt64) -> String {
            let text = String(number, radix: 16)
            return text.count < 2 ? "0" + text : text
        }
        // As makedev(3) joins them.
        let device = UInt64(file.st_dev)
        let major = device >> 8 & 0xfff | device >> 32 & 0xffff_f000
        let minor = device & 0xff | device >> 12 & 0xffff_ff00
        return "\(hexadecimal(major)):\(hexadecimal(minor)):\(file.st_ino)"
    }

    /// The process in a line such as `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`; nil for other locks, and for
    /// those that wait, which have `->` behind the number.
    private static func holder(_ line: Substring, of place: String) -> Int32? {
        let words = line.split(separator: " ")
        guard words.count >= 6, words[1] == "FLOCK", words[5] == place else { return nil }
        return Int32(words[4])
    }
}
