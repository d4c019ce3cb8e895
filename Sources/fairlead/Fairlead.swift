import ArgumentParser
import DaemonConfiguration
import FoundationEssentials
import Glibc
import NIOCore
import PrintableText
import Running
import SystemCalls
import SystemPackage
import Telemetry

@main
struct Fairlead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairlead",
        abstract: "Service proxy for Linux nodes: balances Services over endpoints in the kernel.",
        discussion: """
            Services come from files (Kubernetes objects or a short form) or from a Kubernetes API \
            server. Fairlead turns them into a plan, which you can read before it is applied.

              fairlead plan --services DIR     show the plan (needs no root)
              fairlead run                     run the daemon
              fairlead status                  show the state of the daemon
              fairlead trace --from A --to B   show where a packet goes, and why
              fairlead graph -o FILE           draw frontends, Services and endpoints
              fairlead verify                  compare the kernel with the plan
              fairlead check                   check configuration, sources and host

            Exit codes: 0 success, 1 failure, 2 kernel differs from the plan (verify, \
            plan --exit-code) or parts of the input not converted (convert), 64 wrong usage.
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, StatusCommand.self, PlanCommand.self, ApplyCommand.self,
            TraceCommand.self, GraphCommand.self, VerifyCommand.self, CountersCommand.self,
            ConfirmCommand.self, CheckCommand.self, ConfigCommand.self, ConvertCommand.self,
            CleanupCommand.self, VersionCommand.self,
        ]
    )

    /// Runs synchronous commands on the main thread. The library would run them on a thread of the
    /// cooperative pool, which has one thread on a machine with one processor: a command that blocks
    /// on a task would deadlock.
    @MainActor
    static func main() async {
        StandardDescriptors.reserve()
        let signals = EarlySignals.hold()
        var code = ExitCode.success
        do {
            try requireArguments()
            try requireText()
            // One thread for connections is enough; the library would start one for each processor.
            NIOSingletons.groupLoopCountSuggestion = 1
            let arguments = KubeProxyFlag.rewriting(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot(arguments)
            if !(command is RunCommand) { signals.restore() }
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            code = report(readable(error))
        }
        // Also of a command that has failed otherwise, or ends with a code that says what was printed.
        if let failure = StandardOutput.failure {
            complain("Error: standard output: cannot be written: \(failure)")
            code = .failure
        }
        if !code.isSuccess { Glibc.exit(code.rawValue) }
    }

    /// Swift reads them from /proc. Where it cannot, it has none, and every command would be a page of help and a success.
    private static func requireArguments() throws {
        guard CommandLine.arguments.isEmpty else { return }
        throw CommandFailure(
            "the command line cannot be read from /proc/self/cmdline: is /proc mounted, and may a file be opened?"
        )
    }

    /// An argument that is not UTF-8 would be taken for another one: a file that is not there, or is another.
    private static func requireText() throws {
        guard let bytes = try? WholeFile.read("/proc/self/cmdline", limit: .max) else { return }
        // Each ends with a zero.
        let arguments = bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast()
        for (number, argument) in arguments.enumerated()
        where String(validating: argument, as: UTF8.self) == nil {
            let text = String(decoding: argument, as: UTF8.self)
            throw ValidationError("argument \(number) is not UTF-8 text: \(quoted(text))")
        }
    }

    /// Prints what the error says, as the library would, but for what a terminal would take for commands.
    private static func report(_ error: any Error) -> ExitCode {
        let code = exitCode(for: error)
        let message = fullMessage(for: error)
        guard !message.isEmpty else { return code }
        // A page of help.
        if code.isSuccess { StandardOutput.print(message) } else { complain(message) }
        return code
    }

    /// Foundation's file errors with the path and the system's reason; others as they are.
    private static func readable(_ error: any Error) -> any Error {
        guard let error = error as? CocoaError else { return error }
        let system = (error.underlying as? POSIXError).map {
            Errno(rawValue: $0.code.rawValue).description
        }
        let path = error.filePath ?? "a file"
        return CommandFailure(
            "\(path): \(system ?? "cannot be used (code \(error.code.rawValue))")"
        )
    }
}
