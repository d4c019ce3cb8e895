import Foundation
import Glibc
import NamespaceLab

/// A cgroup and a bpf file system of the run's own, for the socket level: its programs see the processes of one client
/// and no other. Both are mounted in the run's own mount namespace, below its folder: `ip netns exec` gives its program
/// another /sys.
struct SoakSockets {
    let cgroup: String
    /// Where the daemon pins its objects.
    let directory: String
    private let places: [String]

    /// Whether this machine has what the socket level needs.
    static let areHere: Bool = {
        let groups = (try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8)) ?? ""
        let kinds = groups.split(separator: "\n").compactMap {
            $0.split(separator: "\t").last
        }
        return kinds.contains("cgroup2") && kinds.contains("bpf")
    }()

    init(in folder: String) throws {
        places = ["cgroup", "bpf"].map { "\(folder)/\($0)" }
        cgroup = "\(places[0])/fairlead-soak-\(getpid())"
        directory = "\(places[1])/fairlead"
        for (kind, place) in zip(["cgroup2", "bpf"], places) {
            try FileManager.default.createDirectory(
                atPath: place,
                withIntermediateDirectories: true
            )
            try LabCommand.run(["mount", "-t", kind, kind, place])
        }
        try FileManager.default.createDirectory(atPath: cgroup, withIntermediateDirectories: true)
    }

    /// Pins of what attaches programs to the cgroup.
    var links: [String] {
        let names = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String }
        return (names ?? []).filter { $0.contains("/links/") }.sorted().map { "\(directory)/\($0)" }
    }

    /// How many programs are attached.
    func attached() throws -> Int {
        try LabCommand.run(["bpftool", "cgroup", "show", cgroup]).split(separator: "\n")
            .count { $0.contains("fl_") }
    }

    /// A line of the daemon's configuration.
    var section: String {
        "socketLB: {scope: all, protocols: [TCP, UDP], cgroup: \(cgroup), bpfDirectory: \(directory)}"
    }

    /// Has what follows run in the cgroup.
    var entering: [String] { ["sh", "-c", "echo $$ >\(cgroup)/cgroup.procs && exec \"$@\"", "sh"] }

    /// When no process is in it any more.
    func end() {
        let deadline = Deadline(in: .seconds(10))
        while rmdir(cgroup) != 0, errno == EBUSY, !deadline.hasPassed { usleep(10_000) }
        for place in places.reversed() { _ = try? LabCommand.run(["umount", place]) }
    }
}
