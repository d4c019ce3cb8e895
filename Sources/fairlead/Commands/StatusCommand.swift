import ArgumentParser
import DaemonConfiguration
import FoundationEssentials
import NIOHTTP1
import Observability
import ServiceModel
import Telemetry

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the state of the daemon.",
        discussion: """
            Asks the running daemon over its Unix socket (status.socket in the configuration), \
            which only the daemon's user and root can open.
            """,
        subcommands: [Daemon.self, OfService.self],
        defaultSubcommand: Daemon.self
    )

    struct Daemon: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "daemon",
            abstract: "Show the daemon on one screen."
        )

        @OptionGroup var options: StatusOptions

        func run() async throws {
            try await options.show("/status", as: DaemonStatus.self) { $0.text }
        }
    }

    struct OfService: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "service",
            abstract:
                "Show one Service: frontends, endpoints and why each is used, objects, traffic."
        )

        @Argument(help: "NAMESPACE/NAME")
        var service: ServiceArgument

        @OptionGroup var options: StatusOptions

        func run() async throws {
            let path = [service.name.namespace, service.name.name].map(percentEncoded)
            try await options.show(
                "/status/services/\(path.joined(separator: "/"))",
                as: ServiceStatus.self
            ) { $0.text }
        }
    }
}

/// Options of all `status` subcommands.
struct StatusOptions: ParsableArguments {
    @OptionGroup var daemon: DaemonOptions

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    @Flag(name: .shortAndLong, help: "Refresh every two seconds, until interrupted.")
    var watch = false

    private static let watchInterval = Duration.seconds(2)

    /// Prints the daemon's answer to a request for `path`.
    func show<Answer: Codable & Sendable>(
        _ path: String,
        as type: Answer.Type,
        _ text: (Answer) -> String
    ) async throws {
        try await daemon.withClient { client in
            repeat {
                let data = try await daemon.ask(path, method: .GET, client)
                guard let answer = try? JSONDecoder().decode(type, from: data) else {
                    throw CommandFailure(
                        "cannot decode the daemon's answer; is it another version than this program (\(Version.text))?"
                    )
                }
                // Cursor home and clear, so that each refresh overwrites the one before.
                if watch, output == .text {
                    StandardOutput.print("\u{1b}[H\u{1b}[2J", terminator: "")
                }
                switch output {
                case .text: StandardOutput.print(text(answer), terminator: "")
                case .json: try OutputFormat.printJSON(answer)
                }
                if watch { try await Task.sleep(for: Self.watchInterval) }
            } while watch && StandardOutput.isWritable
        }
    }
}
