import Glibc
import NamespaceLab
import SoakJudging
import TestSupport

/// The daemon starts where it gets no inotify instance. The limit is one of the whole machine, so strace answers for
/// the kernel.
struct InotifyRefused: SoakFault {
    let name = "no inotify left"
    let touches: Set<Touched> = [.process]
    let endsProcess = true
    let lasts: ClosedRange<Double>? = 2...6
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        // It may have started a moment ago.
        let ready = Deadline(in: .seconds(20))
        while !node.daemon.hasInotify, node.daemon.isRunning, !ready.hasPassed { usleep(5000) }
        let usual = node.daemon.hasInotify
        // Started by the daemon, and not the other way round, so that its end is the daemon's own.
        node.daemon.starter = [
            "strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e",
            "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE",
        ]
        defer { node.daemon.starter = [] }
        try node.daemon.restart(by: SIGTERM)
        // Until then it is strace, which handles signals, too.
        let deadline = Deadline(in: .seconds(20))
        while node.daemon.tracer == nil, node.daemon.isRunning, !deadline.hasPassed { usleep(2000) }
        try node.daemon.waitUntilItListens(to: SIGHUP)
        if !usual || node.daemon.hasInotify || node.daemon.tracer == nil {
            miss = "an instance before: \(usual), now: \(node.daemon.hasInotify)"
        }
    }

    func end(_ node: SoakNode) throws {
        let deadline = Deadline(in: .seconds(10))
        while let tracer = node.daemon.tracer {
            // Its end lets go of the daemon.
            kill(tracer, SIGKILL)
            guard !deadline.hasPassed else { throw SoakFailure("strace does not let go of it") }
            usleep(5000)
        }
    }
}
