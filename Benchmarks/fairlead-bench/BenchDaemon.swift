import Glibc

/// A Fairlead daemon as a process of its own, measured from outside.
final class BenchDaemon {
    private let process: ChildProcess
    private let began = Cost.seconds(CLOCK_MONOTONIC)
    private let log: String
    private var isRunning = true

    /// The program beside this one.
    private static let program = String(ChildProcess.bench.dropLast("-bench".count))

    init(_ mode: DaemonMode, _ cluster: BenchCluster) throws {
        let directory = cluster.directory
        try cluster.write("fairlead.yaml", Self.configuration(mode, directory))
        log = "\(directory)/log"
        let output = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard output >= 0 else { throw BenchFailure.system(log) }
        defer { close(output) }
        process = try ChildProcess(
            [Self.program, "run", "--config", "\(directory)/fairlead.yaml"],
            output: output,
            error: output
        )
    }

    deinit {
        // Only where measuring has failed.
        if isRunning { kill(process.id, SIGKILL) }
    }

    /// Seconds since it was started.
    var age: Double { Cost.seconds(CLOCK_MONOTONIC) - began }

    /// User and system time so far, in seconds.
    var cpu: Double {
        var clock = clockid_t()
        guard clock_getcpuclockid(process.id, &clock) == 0 else { return 0 }
        return Cost.seconds(clock)
    }

    /// A field of `/proc/PID/status` that is in kB, in MiB.
    func memory(_ field: String) throws -> Double {
        try number("status", field) / 1024
    }

    /// What was handed to the disk so far (`write_bytes` of `/proc/PID/io`).
    func writtenBytes() throws -> Int { Int(try number("io", "write_bytes")) }

    /// Ends it, with the rules in place.
    func stop() throws {
        kill(process.id, SIGTERM)
        isRunning = false
        try process.wait()
    }

    /// What the first pass sent, as the log has it.
    func firstPassOperations() throws -> Int {
        let lines = try Self.text(log).split(separator: "\n")
        guard let line = lines.first(where: { $0.contains("Pass done") }) else { return 0 }
        let words = line.split(separator: " ")
        let field = words.first { $0.hasPrefix("operations=") }
        guard let count = field.flatMap({ Int($0.dropFirst("operations=".count)) }) else {
            throw BenchFailure("not a line about a pass: \(line)")
        }
        return count
    }

    private func number(_ file: String, _ field: String) throws -> Double {
        let path = "/proc/\(process.id)/\(file)"
        for line in try Self.text(path).split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count > 1, words[0] == "\(field):", let value = Double(words[1]) {
                return value
            }
        }
        throw BenchFailure("\(path) has no \(field)")
    }

    private static func text(_ path: String) throws -> String {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { throw BenchFailure.system(path) }
        defer { close(file) }
        return Pipe.readAll(file)
    }

    /// As a cluster has it, but for the places of files.
    private static func configuration(_ mode: DaemonMode, _ directory: String) -> String {
        """
        mode: \(mode.rawValue)
        node: {name: node}
        sources:
          files: ""
          stateDirectory: \(directory)
          kubernetes: {kubeconfig: \(directory)/kubeconfig}
        iptables: {lockFile: \(directory)/lock}
        status: {socket: \(directory)/socket}

        """
    }
}
