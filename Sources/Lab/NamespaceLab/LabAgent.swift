/// The servers and clients of the lab, each a run of a program.
package struct LabAgent: Sendable {
    private let program: [String]

    /// `program` is what comes before `serve`, `connect` …: the path of `fairlead-lab`, and `agent`.
    package init(_ program: [String]) { self.program = program }

    /// For `fairlead-lab` itself, whatever its file is called.
    package static var ofThisProgram: LabAgent { LabAgent([BuiltProgram.own, "agent"]) }

    /// A server that answers on `endpoints` (`10.0.0.1:80/tcp`) with its name and the client's
    /// address. It listens when this returns; throws if it does not in time.
    package func serve(
        _ endpoints: [String],
        as name: String,
        in namespace: String
    ) throws(LabError) -> LabProcess {
        let process = try LabProcess(
            program + ["serve", "--name", name] + endpoints,
            in: namespace
        )
        try process.waitForLine(containing: "ready")
        return process
    }

    /// The same for a server that outlives this program, with its output in a file. It may not
    /// listen yet when this returns. Throws if it cannot be started.
    package func serveDetached(
        _ endpoints: [String],
        as name: String,
        in namespace: String,
        log: String
    ) throws(LabError) {
        try LabProcess.detach(
            program + ["serve", "--name", name] + endpoints,
            in: namespace,
            log: log
        )
    }

    /// The outcomes of `count` connections from a namespace: `NAME SOURCE`, `refused`, `unreachable`
    /// or `timeout` for each. A source `port` needs a `source`. A packet that is lost, as happens on a busy
    /// machine, is sent again after a second, so a shorter timeout is for where none is to arrive. Throws if
    /// the client fails.
    package func connect(
        to endpoint: String,
        from source: String? = nil,
        port: Int? = nil,
        in namespace: String,
        count: Int = 1,
        timeout: Duration = .seconds(3)
    ) throws(LabError) -> [String] {
        var arguments =
            program
            + ["connect", "--count", "\(count)", "--timeout", "\(timeout.wholeMilliseconds)"]
        if let source { arguments += ["--from", source] }
        if let port { arguments += ["--from-port", "\(port)"] }
        return try LabCommand.run(
            arguments + [endpoint],
            in: namespace,
            Deadline(in: timeout * 2 * count + .seconds(30))
        )
        .split(separator: "\n").map(String.init)
    }

    /// One endpoint to connect to, several times.
    package struct Request: Sendable {
        package var endpoint: String
        package var count: Int
        /// For the connection, and again for its answer.
        package var timeout: Duration

        package init(_ endpoint: String, count: Int, timeout: Duration) {
            self.endpoint = endpoint
            self.count = count
            self.timeout = timeout
        }
    }

    /// Starts many connections in parallel, each from a port of its own, counted up from `port`, by a client in the
    /// directory `cgroup`, if one is given; `LabBatch.outcomes` waits for them. Throws if the client cannot be started.
    package func batch(
        _ requests: [Request],
        fromPort port: Int,
        in namespace: String,
        cgroup: String? = nil
    ) throws(LabError) -> LabBatch {
        let place = cgroup.map { ["--cgroup", $0] } ?? []
        let process = try LabProcess(
            program + ["batch", "--first-port", "\(port)"] + place,
            in: namespace
        )
        for request in requests {
            try process.writeLine(
                "\(request.count) \(request.timeout.wholeMilliseconds) \(request.endpoint)"
            )
        }
        process.closeInput()
        return LabBatch(process, size: requests.count)
    }

    /// A connection that stays open, after the first line from its server. Throws without one.
    package func hold(
        _ endpoint: String,
        in namespace: String
    ) throws(LabError) -> LabConnection {
        let process = try LabProcess(program + ["hold", endpoint], in: namespace)
        let greeting = try process.readLine(Deadline(in: .seconds(30))) ?? ""
        return LabConnection(process, greeting: greeting)
    }
}

/// Connections under way.
package struct LabBatch {
    private let process: LabProcess
    private let size: Int

    init(_ process: LabProcess, size: Int) {
        self.process = process
        self.size = size
    }

    /// The outcomes of each request, in the order of requests. Throws if the client fails or does
    /// not end by the deadline.
    package func outcomes(_ deadline: Deadline) throws(LabError) -> [[String]] {
        let (output, status) = try process.finish(deadline)
        guard status == 0 else { throw LabError("\(process.name): status \(status)\n\(output)") }
        var outcomes = [[String]](repeating: [], count: size)
        for line in output.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2, let index = Int(words[0]), index < size else {
                throw LabError("\(process.name): unexpected output \(line)")
            }
            outcomes[index].append(String(words[1]))
        }
        return outcomes
    }
}

/// A TCP connection that stays open.
package final class LabConnection {
    /// `NAME SOURCE`, from the server.
    package let greeting: String
    private let process: LabProcess
    private var count = 0

    init(_ process: LabProcess, greeting: String) {
        self.process = process
        self.greeting = greeting
    }

    /// Whether a line sent comes back.
    package func isAlive() -> Bool {
        count += 1
        do {
            try process.writeLine("line \(count)")
            return try process.readLine(Deadline(in: .seconds(6))) == "line \(count)"
        } catch {
            return false
        }
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
