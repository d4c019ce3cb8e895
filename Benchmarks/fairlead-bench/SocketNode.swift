import Glibc

/// A process that holds a network namespace with servers, and a cgroup for its clients; both end with this.
final class SocketNode {
    let level: SocketServeCommand.Level
    let services: Int
    private let cgroup: Cgroup
    private let process: ChildProcess
    /// What the process reads until it is to end.
    private var lifeline: Int32

    /// What one client took, in microseconds, and its connections in a second.
    struct Times {
        var connection: Double
        var request: Double
        var rate: Double
    }

    init(_ level: SocketServeCommand.Level, services: Int) throws {
        (self.level, self.services) = (level, services)
        cgroup = try Cgroup("\(level.rawValue)-\(services)")
        let life = try Pipe.open()
        let answer = try Pipe.open()
        defer { close(answer.reading) }
        lifeline = life.writing
        do {
            defer {
                close(life.reading)
                close(answer.writing)
            }
            process = try ChildProcess(
                Self.pinned(to: 1) + ["socket-serve", "\(services)", level.rawValue, cgroup.path],
                input: life.reading,
                output: answer.writing
            )
        }
        var byte: UInt8 = 0
        guard read(answer.reading, &byte, 1) == 1 else {
            throw BenchFailure("the server of \(level.rawValue) did not start")
        }
    }

    /// Ends the process, which fails if sockets were left to the rules that should not have been.
    func end() throws {
        close(lifeline)
        lifeline = -1
        try process.wait()
    }

    deinit {
        if lifeline >= 0 {
            close(lifeline)
            // After a failure that is reported already.
            _ = try? process.wait()
        }
        cgroup.remove()
    }

    /// A client of an address that connects `count` times, and sends as many requests over one connection.
    func client(
        _ transport: SocketConnectCommand.Transport,
        _ address: UInt32,
        _ port: UInt16,
        _ count: Int
    ) throws -> Times {
        let answer = try ChildProcess.ask(
            Self.pinned(to: 0) + [
                "socket-connect", "\(process.id)", cgroup.path, transport.rawValue, "\(address)",
                "\(port)", "\(count)",
            ]
        )
        let numbers = answer.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard numbers.count == 3 else { throw BenchFailure("the client said: \(answer)") }
        return Times(connection: numbers[0], request: numbers[1], rate: numbers[2])
    }

    /// The beginning of a command line that runs this program on one processor: moving from one to another would be
    /// most of what is measured.
    private static func pinned(to processor: Int) -> [String] {
        let last = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) - 1
        return ["taskset", "--cpu-list", "\(min(processor, last))", ChildProcess.bench]
    }
}
