/// The servers and clients of the lab, each a run of the `fairlead-lab-agent` program.
package struct LabAgent: Sendable {
    /// Path of the program.
    package let path: String

    package init(path: String) { self.path = path }

    /// A server that answers on `endpoints` (`10.0.0.1:80/tcp`) with its name and whom it sees;
    /// listening when this returns.
    package func serve(
        _ endpoints: [String],
        as name: String,
        in namespace: String
    ) throws(LabError) -> LabProcess {
        let process = try LabProcess(
            [path, "serve", "--name", name] + endpoints,
            in: namespace
        )
        try process.waitForLine(containing: "ready")
        return process
    }

    /// What became of `count` connections from a namespace: `NAME SOURCE`, `refused`,
    /// `unreachable` or `timeout` for each. A `port` to come from needs a `source`.
    package func connect(
        to endpoint: String,
        from source: String? = nil,
        port: Int? = nil,
        in namespace: String,
        count: Int = 1,
        timeout: Duration = .seconds(1)
    ) throws(LabError) -> [String] {
        let milliseconds =
            timeout.components.seconds * 1000
            + timeout.components.attoseconds / 1_000_000_000_000_000
        var arguments = [path, "connect", "--count", "\(count)", "--timeout", "\(milliseconds)"]
        if let source { arguments += ["--from", source] }
        if let port { arguments += ["--from-port", "\(port)"] }
        return try LabCommand.run(
            arguments + [endpoint],
            in: namespace,
            Deadline(in: timeout * 2 * count + .seconds(30))
        )
        .split(separator: "\n").map(String.init)
    }

    /// A connection that stays, and the first line its server sent.
    package func hold(
        _ endpoint: String,
        in namespace: String
    ) throws(LabError) -> LabConnection {
        let process = try LabProcess([path, "hold", endpoint], in: namespace)
        let greeting = try process.readLine(Deadline(in: .seconds(30))) ?? ""
        return LabConnection(process, greeting: greeting)
    }
}

/// A TCP connection that stays open.
package final class LabConnection {
    /// `NAME SOURCE`, as the server said it.
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
