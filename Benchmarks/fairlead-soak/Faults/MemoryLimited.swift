import Foundation
import Glibc
import NamespaceLab
import SoakJudging
import TestSupport

/// The daemon is started again in a cgroup with little more memory than it has ever used: a start, changes and other
/// faults must do with that. If they do not, the kernel ends the daemon, which counts as an end by itself.
struct MemoryLimited: SoakFault {
    let name = "memory limited"
    let touches: Set<Touched> = [.process, .limits, .configuration]
    let endsProcess = true
    let lasts: ClosedRange<Double>? = 3...8
    private var group = ""
    private(set) var miss: String?

    /// Nil if this machine has no cgroups of memory.
    init?() {
        guard Self.root != nil else { return nil }
    }

    /// Where cgroups of memory are made, by the name of the file with the limit.
    private static var root: (folder: String, limit: String)? {
        let places = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"),
        ]
        return places.first { folder, limit in
            let group = "\(folder)/fairlead-soak-\(getpid())-try"
            guard mkdir(group, 0o755) == 0 else { return false }
            defer { rmdir(group) }
            return access("\(group)/\(limit)", W_OK) == 0
        }
    }

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        guard let root = Self.root, let peak = Self.peakKibibytes(node.daemon.pid) else {
            throw SoakFailure("no cgroup of memory, or no daemon")
        }
        group = "\(root.folder)/fairlead-soak-\(getpid())"
        try FileManager.default.createDirectory(atPath: group, withIntermediateDirectories: true)
        // An eighth more than the most so far, of which the program's own pages are a part.
        try Self.write("\(peak * 1024 / 8 * 9)", to: "\(group)/\(root.limit)")
        node.daemon.group = group
        defer { node.daemon.group = nil }
        try node.daemon.restart(by: SIGTERM)
        try node.daemon.waitUntilItListens(to: SIGHUP)
        let members = try String(contentsOfFile: "\(group)/cgroup.procs", encoding: .utf8)
        if !members.split(separator: "\n").contains("\(node.daemon.pid)") {
            miss = "the daemon is not in the cgroup"
        }
    }

    func end(_ node: SoakNode) throws {
        // It stays there until its next start; the limit goes.
        for (limit, none) in [("memory.limit_in_bytes", "-1"), ("memory.max", "max")]
        where access("\(group)/\(limit)", W_OK) == 0 {
            try Self.write(none, to: "\(group)/\(limit)")
        }
        let root = group.dropLast(group.reversed().prefix { $0 != "/" }.count)
        try Self.write("\(node.daemon.pid)", to: root + "cgroup.procs")
        guard rmdir(group) == 0 else { throw SoakFailure("\(group): errno \(errno)") }
    }

    private static func write(_ text: String, to file: String) throws {
        let descriptor = open(file, O_WRONLY)
        defer { close(descriptor) }
        guard descriptor >= 0, Glibc.write(descriptor, text, text.utf8.count) > 0 else {
            throw SoakFailure("\(file): errno \(errno)")
        }
    }

    private static func peakKibibytes(_ process: Int32) -> Int? {
        let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }
}
