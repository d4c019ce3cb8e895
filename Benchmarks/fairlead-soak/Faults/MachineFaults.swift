import Glibc
import NamespaceLab
import SoakJudging
import TestSupport

/// What touches a whole machine, not a namespace: only for one that is there for the run.
enum MachineFaults {
    static var all: [any SoakFault] { [ClockMoved(), NoInotify(), ConntrackFull()] }
}

/// The wall clock jumps, and jumps back.
struct ClockMoved: SoakFault {
    let name = "clock moved"
    let touches: Set<Touched> = [.clock]
    let lasts: ClosedRange<Double>? = 2...6
    private var seconds = 0
    private(set) var miss: String?

    mutating func begin(_: SoakNode, _ random: inout SplitMix64) throws {
        seconds =
            Int.random(in: 600...90_000, using: &random) * (Bool.random(using: &random) ? 1 : -1)
        let before = time(nil)
        try Self.move(by: seconds)
        let moved = time(nil) - before
        if abs(moved - seconds) > 60 { miss = "moved by \(moved) s, and not by \(seconds)" }
    }

    func end(_: SoakNode) throws { try Self.move(by: -seconds) }

    private static func move(by seconds: Int) throws {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        time.tv_sec += seconds
        guard clock_settime(CLOCK_REALTIME, &time) == 0 else {
            throw SoakFailure("clock_settime: errno \(errno)")
        }
    }
}

/// The daemon starts where no inotify instance is left.
struct NoInotify: SoakFault {
    let name = "no inotify left"
    let touches: Set<Touched> = [.process]
    let endsProcess = true
    let lasts: ClosedRange<Double>? = 2...6
    private var usual = ""
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        usual = try LabCommand.run(["sysctl", "-n", "fs.inotify.max_user_instances"])
            .filter(\.isNumber)
        try LabCommand.run(["sysctl", "-qw", "fs.inotify.max_user_instances=0"])
        try node.daemon.restart(by: SIGTERM)
        try node.daemon.waitUntilItListens(to: SIGHUP)
        if node.daemon.hasInotify { miss = "the daemon has an inotify instance" }
    }

    func end(_: SoakNode) throws {
        try LabCommand.run(["sysctl", "-qw", "fs.inotify.max_user_instances=\(usual)"])
    }
}

/// There is room for few connections more; the kernel drops what does not fit.
struct ConntrackFull: SoakFault {
    let name = "conntrack nearly full"
    let touches: Set<Touched> = [.conntrack]
    let breaks = true
    let lasts: ClosedRange<Double>? = 2...5
    private var usual = ""
    private var before = 0
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        before = try Self.drops(node)
        usual = try LabCommand.run(["sysctl", "-n", "net.netfilter.nf_conntrack_max"])
            .filter(\.isNumber)
        let count = try node.run("sysctl", "-n", "net.netfilter.nf_conntrack_count")
            .filter(\.isNumber)
        // A slow machine makes few connections meanwhile, and forgets others.
        let limit = (Int(count) ?? 0) + 2
        try LabCommand.run(["sysctl", "-qw", "net.netfilter.nf_conntrack_max=\(limit)"])
    }

    mutating func end(_ node: SoakNode) throws {
        try LabCommand.run(["sysctl", "-qw", "net.netfilter.nf_conntrack_max=\(usual)"])
        if try Self.drops(node) <= before { miss = "the kernel has dropped none" }
    }

    /// Packets that the kernel has dropped, and connections that it has forgotten early, for want of room.
    private static func drops(_ node: SoakNode) throws -> Int {
        let lines = try node.run("cat", "/proc/net/stat/nf_conntrack").split(separator: "\n")
            .map { $0.split(separator: " ") }
        let columns = ["drop", "early_drop"].compactMap { lines.first?.firstIndex(of: $0[...]) }
        return lines.dropFirst().reduce(0) { sum, words in
            columns.reduce(sum) { $0 + (Int(words[$1], radix: 16) ?? 0) }
        }
    }
}
