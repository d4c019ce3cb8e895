import Foundation
import NamespaceLab
import SoakJudging

/// The daemon as a process, started again when a fault ends it, as a service manager would.
final class SoakDaemon {
    private let configuration: String
    private let log: String
    /// The cgroup in which it is started; nil for that of this program.
    var group: String?
    /// What starts it, before its own words; itself if that is empty.
    var starter: [String] = []
    /// How many faults have stopped it.
    private var freezes = 0
    private var process: LabProcess
    /// The statuses with which it ended though nothing ended it.
    private(set) var unexpectedEnds: [String] = []

    init(configuration: String, log: String) throws {
        self.configuration = configuration
        self.log = log
        process = try Self.start(configuration, log, nil, [])
    }

    var pid: Int32 { process.pid }
    var isRunning: Bool { process.isRunning }

    func signal(_ number: Int32) { process.signal(number) }

    /// Waits until a signal does not end it. Throws if it takes too long.
    func waitUntilItListens(to signal: Int32) throws {
        let deadline = Deadline(in: .seconds(20))
        while true {
            let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            let masks = (status ?? "").split(separator: "\n")
                .filter { $0.hasPrefix("SigIgn:") || $0.hasPrefix("SigCgt:") }
                .compactMap { UInt64($0.dropFirst("SigIgn:\t".count), radix: 16) }
            if masks.contains(where: { $0 >> UInt64(signal - 1) & 1 == 1 }) { return }
            guard !deadline.hasPassed else { throw LabError("the daemon does not get ready") }
            usleep(2000)
        }
    }

    /// Ends it, waits for its end and starts it again a moment later. It is only asked to end once it listens: a signal
    /// that comes while it starts ends it as any program, with another status.
    func restart(by signal: Int32) throws {
        if signal == SIGTERM { try waitUntilItListens(to: signal) }
        process.signal(signal)
        try startAgain(after: signal)
    }

    /// After a fault has ended it by that signal. Any other end is its own.
    func startAgain(after signal: Int32) throws {
        let status = try process.finish(Deadline(in: .seconds(60))).status
        if status != (signal == SIGTERM ? 0 : 128 + signal) {
            unexpectedEnds.append("status \(status) after signal \(signal)")
        }
        usleep(100_000)
        process = try Self.start(configuration, log, group, starter)
    }

    /// Starts it again if it has ended by itself, and notes that.
    func look() throws {
        guard !process.isRunning else { return }
        let status = try process.finish(Deadline(in: .seconds(60))).status
        unexpectedEnds.append("status \(status)")
        process = try Self.start(configuration, log, nil, [])
    }

    /// It stands still until `thaw` has been called as often.
    func freeze() {
        freezes += 1
        process.signal(SIGSTOP)
    }

    func thaw() {
        freezes -= 1
        if freezes == 0 { process.signal(SIGCONT) }
    }

    /// The process that traces it, if there is one.
    var tracer: Int32? {
        let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("TracerPid:") }
        let number = line?.split(separator: "\t").last.flatMap { Int32($0) }
        return number == 0 ? nil : number
    }

    /// Whether it has an inotify instance open.
    var hasInotify: Bool {
        let folder = "/proc/\(pid)/fd"
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.contains { file in
            let place = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "\(folder)/\(file)"
            )
            return place?.contains("inotify") ?? false
        }
    }

    /// What it uses, the least of several looks; nil if it is not running.
    func usage() -> Usage? {
        let samples = (0..<5).compactMap { _ in
            usleep(20_000)
            return Self.usage(of: pid)
        }
        return Usage.least(samples)
    }

    private static func usage(of process: Int32) -> Usage? {
        let folder = "/proc/\(process)"
        guard let status = try? String(contentsOfFile: folder + "/status", encoding: .utf8),
            let files = try? FileManager.default.contentsOfDirectory(atPath: folder + "/fd")
        else { return nil }
        func number(_ field: String) -> Int? {
            let line = status.split(separator: "\n").first { $0.hasPrefix(field + ":") }
            return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
        }
        guard let kibibytes = number("RssAnon"), let threads = number("Threads") else { return nil }
        return Usage(
            process: process,
            kibibytes: kibibytes,
            descriptors: files.count,
            threads: threads
        )
    }

    func end() {
        process.signal(SIGTERM)
        // A fault that failed may have left it stopped.
        process.signal(SIGCONT)
        _ = try? process.finish(Deadline(in: .seconds(30)))
    }

    private static func start(
        _ configuration: String,
        _ log: String,
        _ group: String?,
        _ starter: [String]
    ) throws -> LabProcess {
        let enter = group.map { "echo $$ >\($0)/cgroup.procs && " } ?? ""
        return try LabProcess(
            [
                "sh", "-c", enter + "log=$0; exec \"$@\" >>\"$log\" 2>&1", log,
            ] + starter + [BuiltProgram.fairlead, "run", "-c", configuration]
        )
    }
}
