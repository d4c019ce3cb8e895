import ArgumentParser
import DaemonConfiguration
import Foundation
import SystemPackage

@main
struct Fairlead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairlead",
        abstract: "A service proxy: stable virtual IPs, spread over real endpoints by the kernel.",
        discussion: """
            Services come from files (Kubernetes objects or a short form); the kernel's rules come \
            from a plan that you can read before it is applied.

              fairlead plan --services DIR     what would be programmed (needs no root)
              fairlead run                     keep the kernel so, for ever
              fairlead status                  what the daemon does, and how it is
              fairlead trace --from A --to B   where a packet goes, and why
              fairlead graph -o FILE           a picture of it
              fairlead verify                  whether each Service stands in the kernel as wanted
              fairlead check                   whether this host and the files are fit

            Exit codes: 0 fine, 1 failed, 2 the kernel differs (verify, plan --exit-code), 64 usage.
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, StatusCommand.self, PlanCommand.self, ApplyCommand.self,
            TraceCommand.self, GraphCommand.self, VerifyCommand.self, CountersCommand.self,
            ConfirmCommand.self, CheckCommand.self, ConfigCommand.self, CleanupCommand.self,
            VersionCommand.self,
        ]
    )

    /// Commands that end run here, on the main thread. The library would run them on a thread that
    /// tasks share: where there is one processor there is one such thread, so that a command that
    /// waits for a task would wait for ever.
    @MainActor
    static func main() async {
        do {
            let arguments = KubeProxyFlag.rewriting(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: inWords(error))
        }
    }

    /// An error of a library that nobody has put into words is told by the system's reason beneath it.
    private static func inWords(_ error: any Error) -> any Error {
        guard let error = error as? CocoaError else { return error }
        let system = (error.underlying as? POSIXError).map {
            Errno(rawValue: $0.code.rawValue).description
        }
        let path = error.filePath ?? "a file"
        return CommandFailure("\(path): \(system ?? "cannot be used (code \(error.errorCode))")")
    }
}
