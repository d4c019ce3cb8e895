import Foundation
import Glibc
import NamespaceLab
import SoakJudging
import TestSupport

/// The daemon is started again in a cgroup with little more memory than a start and some changes take: another start, more
/// changes and other faults must do with that. If they do not, the kernel ends the daemon, which counts as an end by
/// itself.
struct MemoryLimited: SoakFault {
    /// Cgroups of memory, of one of the two versions.
    private struct Hierarchy {
        let folder: String
        let limit: String
        let noLimit: String
        /// The most that was in use at once.
        let peak: String

        static let all = [
            Hierarchy(
                folder: "/sys/fs/cgroup/memory",
                limit: "memory.limit_in_bytes",
                noLimit: "-1",
                peak: "memory.max_usage_in_bytes"
            ),
            Hierarchy(
                folder: "/sys/fs/cgroup",
                limit: "memory.max",
                noLimit: "max",
                peak: "memory.peak"
            ),
        ]
    }

    let name = "memory limited"
    /// It waits until all is right, which others must not keep from coming.
    let touches: Set<Touched> = [
        .process, .configuration, .tables, .lock, .server, .limits, .state,
    ]
    let endsProcess = true
    let lasts: ClosedRange<Double>? = 3...8
    private let hierarchy: Hierarchy
    private let group: String
    private(set) var miss: String?

    /// Nil if this machine has no cgroups of memory.
    init?() {
        let group = "fairlead-soak-\(getpid())"
        let found = Hierarchy.all.first { hierarchy in
            let place = "\(hierarchy.folder)/\(group)-try"
            guard mkdir(place, 0o755) == 0 else { return false }
            defer { rmdir(place) }
            return access("\(place)/\(hierarchy.limit)", W_OK) == 0
                && access("\(place)/\(hierarchy.peak)", R_OK) == 0
        }
        guard let found else { return nil }
        hierarchy = found
        self.group = "\(found.folder)/\(group)"
    }

    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        guard mkdir(group, 0o755) == 0 else { throw SoakFailure("\(group): errno \(errno)") }
        node.daemon.group = group
        defer { node.daemon.group = nil }
        try node.daemon.restart(by: SIGTERM)
        try waitUntilRight(node)
        for _ in 0..<20 {
            node.cluster.change(&random)
            usleep(100_000)
        }
        try waitUntilRight(node)
        let peak = try number(hierarchy.peak)
        // As much more as a heap keeps at random; the kernel counts in pages.
        let limit = (peak + Growth.allowedKibibytes * 1024) / 4096 * 4096
        try Self.write("\(limit)", to: "\(group)/\(hierarchy.limit)")
        try node.daemon.restart(by: SIGTERM)
        try node.daemon.waitUntilItListens(to: SIGHUP)
        let members = try String(contentsOfFile: "\(group)/cgroup.procs", encoding: .utf8)
        let inForce = try number(hierarchy.limit)
        if !members.split(separator: "\n").contains("\(node.daemon.pid)") {
            miss = "the daemon is not in the cgroup"
        } else if inForce != limit || peak < 1 << 20 {
            miss = "a limit of \(inForce) bytes, after a start had taken \(peak)"
        }
    }

    private func waitUntilRight(_ node: SoakNode) throws {
        guard try node.waitUntilRight(.seconds(60)) == nil else { return }
        throw SoakFailure("not right in a cgroup of its own:\n\(node.difference())")
    }

    func end(_ node: SoakNode) throws {
        // It stays outside until its next start; the limit goes.
        try Self.write(hierarchy.noLimit, to: "\(group)/\(hierarchy.limit)")
        try Self.write("\(node.daemon.pid)", to: "\(hierarchy.folder)/cgroup.procs")
        guard rmdir(group) == 0 else { throw SoakFailure("\(group): errno \(errno)") }
    }

    private func number(_ file: String) throws -> Int {
        let text = try String(contentsOfFile: "\(group)/\(file)", encoding: .utf8)
        guard let number = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw SoakFailure("\(group)/\(file): \(text)")
        }
        return number
    }

    private static func write(_ text: String, to file: String) throws {
        let descriptor = open(file, O_WRONLY)
        defer { close(descriptor) }
        guard descriptor >= 0, Glibc.write(descriptor, text, text.utf8.count) > 0 else {
            throw SoakFailure("\(file): errno \(errno)")
        }
    }
}
