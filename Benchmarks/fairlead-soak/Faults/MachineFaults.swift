import Glibc
import NamespaceLab
import TestSupport

/// What touches a whole machine, not a namespace: only for one that is there for the run.
enum MachineFaults {
    static var all: [any SoakFault] {
        guard getenv("FAIRLEAD_UML") != nil else { return [] }
        return [ClockMoved(), NoInotify(), ConntrackFull()]
    }
}

/// The wall clock jumps, and jumps back.
struct ClockMoved: SoakFault {
    let name = "clock moved"
    let touches: Set<Touched> = [.clock]
    let lasts: ClosedRange<Double>? = 2...6
    private var seconds = 0

    mutating func begin(_: SoakNode, _ random: inout SplitMix64) throws {
        seconds =
            Int.random(in: 600...90_000, using: &random) * (Bool.random(using: &random) ? 1 : -1)
        try Self.move(by: seconds)
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

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        usual = try LabCommand.run(["sysctl", "-n", "fs.inotify.max_user_instances"])
            .filter(\.isNumber)
        try LabCommand.run(["sysctl", "-qw", "fs.inotify.max_user_instances=0"])
        try node.daemon.restart(by: SIGTERM)
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

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        usual = try LabCommand.run(["sysctl", "-n", "net.netfilter.nf_conntrack_max"])
            .filter(\.isNumber)
        let count = try node.run("sysctl", "-n", "net.netfilter.nf_conntrack_count")
            .filter(\.isNumber)
        let limit = (Int(count) ?? 0) + 100
        try LabCommand.run(["sysctl", "-qw", "net.netfilter.nf_conntrack_max=\(limit)"])
    }

    func end(_: SoakNode) throws {
        try LabCommand.run(["sysctl", "-qw", "net.netfilter.nf_conntrack_max=\(usual)"])
    }
}
