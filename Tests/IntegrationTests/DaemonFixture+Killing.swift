import Foundation
import Glibc
import NamespaceLab

extension DaemonFixture {
    /// Changes something and has strace kill the daemon as one of its threads enters a system call for the
    /// `number`th time since then; the call itself is not carried out. True if that happened, false if the daemon
    /// brought the kernel up to date first.
    func killed(at call: String, number: Int, after change: () throws -> Void) throws -> Bool {
        let strace = try tracing(call, "signal=SIGKILL:when=\(number)")
        try change()
        var isApplied = false
        let isOver = try eventually(within: .seconds(60)) {
            if !isRunning { return true }
            isApplied = try fairlead("plan", "--diff", "--exit-code").status == 0
            return isApplied
        }
        guard isOver else { throw LabError("neither ended nor applied the change\n\(log)") }
        // Its end lets go of the daemon.
        strace.signal(SIGKILL)
        _ = try strace.finish(Deadline(in: .seconds(20)))
        if isRunning { return false }
        // It has ended: the signal reaches nobody.
        let status = try stop(SIGKILL)
        guard status == 128 + SIGKILL else { throw LabError("ended with \(status)\n\(log)") }
        return true
    }

    /// Runs `body` while each of the daemon's threads waits before it enters such a system call.
    func slowingDown(at call: String, by delay: Duration, _ body: () throws -> Void) throws {
        let strace = try tracing(call, "delay_enter=\(Int(delay / .microseconds(1)))")
        // Its end lets go of the daemon.
        defer { strace.signal(SIGKILL) }
        try body()
    }

    /// strace, which follows every thread of the daemon, or has killed it already: it has calls of its own.
    private func tracing(_ call: String, _ injection: String) throws -> LabProcess {
        guard let daemon else { throw LabError("no daemon to trace") }
        var said = ""
        for _ in 0..<5 {
            let strace = try LabProcess([
                "strace", "-f", "-qq", "-p", "\(daemon.pid)", "-o", "\(directory)/calls",
                "-e", "trace=\(call)", "-e", "inject=\(call):\(injection)",
            ])
            if try eventually(within: .seconds(6), { isTraced || !isRunning }) { return strace }
            // It has read the list of threads once: it never follows one that another has started meanwhile.
            strace.signal(SIGKILL)
            said = try strace.finish(Deadline(in: .seconds(20))).output
        }
        let states = statuses.joined(separator: "\n")
        throw LabError("strace does not trace the daemon: \(said)\n\(states)")
    }

    /// Of each thread of the daemon: what /proc says.
    private var statuses: [String] {
        guard let daemon else { return [] }
        let tasks = "/proc/\(daemon.pid)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.compactMap {
            try? String(contentsOfFile: "\(tasks)/\($0)/status", encoding: .utf8)
        }
    }

    private var isTraced: Bool {
        let statuses = statuses
        return !statuses.isEmpty && statuses.allSatisfy { !$0.contains("TracerPid:\t0\n") }
    }

    /// It has not ended, whether or not somebody has asked for its exit status.
    private var isRunning: Bool {
        statuses.contains { !$0.contains("State:\tZ") && !$0.contains("State:\tX") }
    }
}
