import Foundation
import Glibc
import NamespaceLab
import SoakJudging
import TestSupport

/// The daemon is killed as it enters a system call, at work on a change: strace stops it there, so
/// that the moment is the kernel's and not the clock's.
///
/// The server has to work meanwhile: a daemon without changes makes few calls.
struct KillAtCall: SoakFault {
    let name = "kill -9 at a call"
    let touches: Set<Touched> = [.process, .server]
    let endsProcess = true

    /// Calls that change something, or are on the way to it.
    private static let calls = [
        "sendto,sendmsg", "sendmsg,sendto,recvmsg,recvfrom", "setsockopt,getsockopt",
        "write,writev",
        "rename,renameat,renameat2", "fsync,fdatasync", "openat,close", "mmap,munmap", "all",
    ]

    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        // More than one, as work on a change need not make all of these calls, and strace counts those of each thread.
        // The last comes at any work.
        var choices = (0..<2).map { _ in
            let calls = Self.calls.randomElement(using: &random) ?? "all"
            return (calls, Int.random(in: 1...(calls == "all" ? 300 : 4), using: &random))
        }
        choices.append(("all", Int.random(in: 1...30, using: &random)))
        let isHit = try choices.contains { try kill(node, at: $0.0, $0.1, &random) }
        guard isHit else {
            miss = "no such call in three times 4 s"
            return
        }
        node.note(kill: lastCall(node))
        try node.daemon.startAgain(after: SIGKILL)
    }

    /// True if it came to that.
    private func kill(
        _ node: SoakNode,
        at calls: String,
        _ number: Int,
        _ random: inout SplitMix64
    ) throws -> Bool {
        let pid = node.daemon.pid
        let strace = try LabProcess([
            "strace", "-f", "-qq", "-p", "\(pid)", "-o", node.directory + "/calls",
            "-e", "trace=\(calls)", "-e", "inject=\(calls):signal=SIGKILL:when=\(number)",
        ])
        let attached = Deadline(in: .seconds(10))
        while !Self.isTraced(pid), node.daemon.isRunning {
            guard !attached.hasPassed else { throw SoakFailure("strace does not get hold of it") }
            usleep(2000)
        }
        let deadline = Deadline(in: .seconds(4))
        while node.daemon.isRunning, !deadline.hasPassed {
            node.cluster.change(&random)
            usleep(20_000)
        }
        // Its end lets go of the daemon, if there is one. Asked to end, it would wait for each thread to stop.
        strace.signal(node.daemon.isRunning ? SIGKILL : SIGTERM)
        _ = try strace.finish(Deadline(in: .seconds(20)))
        return !node.daemon.isRunning
    }

    private static func isTraced(_ pid: Int32) -> Bool {
        let tasks = "/proc/\(pid)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return !threads.isEmpty
            && threads.allSatisfy { thread in
                let status = try? String(
                    contentsOfFile: "\(tasks)/\(thread)/status",
                    encoding: .utf8
                )
                return status.map { !$0.contains("TracerPid:\t0\n") } ?? true
            }
    }

    /// The name of the call that it died in.
    private func lastCall(_ node: SoakNode) -> String {
        let text = (try? String(contentsOfFile: node.directory + "/calls", encoding: .utf8)) ?? ""
        let calls = text.split(separator: "\n").filter { $0.contains("(INJECTED)") }
        let last = calls.last ?? text.split(separator: "\n").last { $0.contains("(") } ?? ""
        return String(last.drop { $0.isNumber || $0 == " " }.prefix { $0 != "(" })
    }
}
