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
    private var process: LabProcess
    /// The statuses with which it ended though nothing ended it.
    private(set) var unexpectedEnds: [String] = []

    init(configuration: String, log: String) throws {
        self.configuration = configuration
        self.log = log
        process = try Self.start(configuration, log)
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
        let status = try process.finish(Deadline(in: .seconds(60))).status
        if signal == SIGTERM, status != 0 {
            unexpectedEnds.append("status \(status) after SIGTERM")
        }
        try startAgain()
    }

    /// After a fault has ended it.
    func startAgain() throws {
        _ = try process.finish(Deadline(in: .seconds(60)))
        usleep(100_000)
        process = try Self.start(configuration, log)
    }

    /// Starts it again if it has ended by itself, and notes that.
    func look() throws {
        guard !process.isRunning else { return }
        let status = try process.finish(Deadline(in: .seconds(60))).status
        unexpectedEnds.append("status \(status)")
        process = try Self.start(configuration, log)
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

    private static func start(_ configuration: String, _ log: String) throws -> LabProcess {
        try LabProcess([
            "sh", "-c", "exec \"$0\" run -c \"$1\" >>\"$2\" 2>&1", BuiltProgram.fairlead,
            configuration, log,
        ])
    }
}
