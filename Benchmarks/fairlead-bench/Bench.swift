import ArgumentParser
import Glibc

/// Measures Fairlead beside what it replaces and beside what the kernel alone needs.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairlead-bench",
        abstract: "Measure Fairlead. Needs root; the host's own network is left alone.",
        subcommands: [
            IPTablesCommand.self, IPVSCommand.self, IPVSPlanCommand.self, IPVSSizeCommand.self,
            NFTablesCommand.self, NFTablesSizeCommand.self, KubernetesCommand.self,
            KubernetesDecodeCommand.self, KubernetesServeCommand.self, KubernetesFollowCommand.self,
            DaemonCommand.self, DaemonSizeCommand.self, SizeCommand.self, ServeCommand.self,
            ConnectCommand.self, SocketCommand.self, SocketSizeCommand.self,
            SocketServeCommand.self, SocketConnectCommand.self,
        ]
    )

    /// A line beside the results, on standard error.
    static func note(_ text: String) {
        let line = Array("\(text)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}

/// A message for the user, in place of results.
struct BenchFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }

    /// A failed call of the C library.
    static func system(_ call: String) -> BenchFailure {
        BenchFailure("\(call): \(String(cString: strerror(errno)))")
    }
}
