import Foundation
import NamespaceLab

/// The daemon as a process, started again when a fault ends it, as a service manager would.
final class SoakDaemon {
    /// Memory and descriptors at one moment.
    struct Sample {
        let process: Int32
        let kibibytes: Int
        let descriptors: Int
    }

    private let configuration: String
    private let log: String
    /// The cgroup in which it is started; nil for that of this program.
    var group: String?
    private var process: LabProcess
    /// The statuses with which it ended though nothing ended it.
    private(set) var unexpectedEnds: [String] = []

    init(configuration: String, log: String) throws {
        self.configuration = configuration
        self.log = log
        process = try Self.start(configuration, log, nil)
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

    /// Ends it, waits for its end and starts it again a moment later.
    func restart(by signal: Int32) throws {
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
        process = try Self.start(configuration, log, group)
    }

    /// Starts it again if it has ended by itself, and notes that.
    func look() throws {
        guard !process.isRunning else { return }
        let status = try process.finish(Deadline(in: .seconds(60))).status
        unexpectedEnds.append("status \(status)")
        process = try Self.start(configuration, log, nil)
    }

    /// Nil if it is not running.
    func sample() -> Sample? {
        let folder = "/proc/\(pid)"
        guard let status = try? String(contentsOfFile: folder + "/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kibibytes = Int(line.split(separator: " ").dropFirst().first ?? ""),
            let files = try? FileManager.default.contentsOfDirectory(atPath: folder + "/fd")
        else { return nil }
        return Sample(process: pid, kibibytes: kibibytes, descriptors: files.count)
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
        _ group: String?
    ) throws -> LabProcess {
        let enter = group.map { "echo $$ >\($0)/cgroup.procs && " } ?? ""
        return try LabProcess([
            "sh", "-c", enter + "exec \"$0\" run -c \"$1\" >>\"$2\" 2>&1",
            BuiltProgram.fairlead, configuration, log,
        ])
    }
}
