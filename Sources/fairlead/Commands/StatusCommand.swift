import ArgumentParser
import DaemonConfiguration
import Foundation
import NIOHTTP1
import ServiceModel

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what the daemon does, and how it is.",
        discussion: """
            Asks the running daemon over its socket (status.socket in the configuration), which \
            belongs to the user it runs as.
            """,
        subcommands: [Daemon.self, OfService.self],
        defaultSubcommand: Daemon.self
    )

    struct Daemon: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "daemon",
            abstract: "The daemon on one screen. (default)"
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
                "One Service: frontends, endpoints and why each is used or not, objects, traffic."
        )

        @Argument(help: "NAMESPACE/NAME")
        var service: ServiceArgument

        @OptionGroup var options: StatusOptions

        func run() async throws {
            let path = [service.name.namespace, service.name.name].map { part in
                part.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            }
            try await options.show(
                "/status/services/\(path.joined(separator: "/"))",
                as: ServiceStatus.self
            ) { $0.text }
        }
    }
}

/// What all forms of the command share.
struct StatusOptions: ParsableArguments {
    @OptionGroup var daemon: DaemonOptions

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    @Flag(name: .shortAndLong, help: "Show it again every two seconds, until interrupted.")
    var watch = false

    private static let watchInterval = Duration.seconds(2)

    /// Prints what the daemon answers at `path`.
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
                        "the daemon's answer cannot be understood; is it of another version than this program (\(Version.text))?"
                    )
                }
                // Home and clear, in place of a new screen's worth of lines.
                if watch, output == .text { print("\u{1b}[H\u{1b}[2J", terminator: "") }
                switch output {
                case .text: print(text(answer), terminator: "")
                case .json: try OutputFormat.printJSON(answer)
                }
                fflush(nil)
                if watch { try await Task.sleep(for: Self.watchInterval) }
            } while watch
        }
    }
}
