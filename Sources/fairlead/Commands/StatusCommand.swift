import ArgumentParser
import AsyncHTTPClient
import DaemonConfiguration
import Foundation
import NIOCore
import NIOHTTP1

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
        var name: String

        @OptionGroup var options: StatusOptions

        func run() async throws {
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw ValidationError("a Service is named NAMESPACE/NAME")
            }
            let path = parts.map { part in
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
    @Option(name: .shortAndLong, help: "Configuration file, for the socket's path.")
    var config: String?

    @Option(help: "The daemon's socket. Overrides status.socket.")
    var socket: String?

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    @Flag(name: .shortAndLong, help: "Show it again every two seconds, until interrupted.")
    var watch = false

    private static let watchInterval = Duration.seconds(2)
    private static let timeout = TimeAmount.seconds(10)
    private static let largestAnswer = 64 << 20

    /// Prints what the daemon answers at `path`.
    func show<Answer: Codable & Sendable>(
        _ path: String,
        as type: Answer.Type,
        _ text: (Answer) -> String
    ) async throws {
        let socket = try socketPath()
        var settings = HTTPClient.Configuration()
        // A daemon that does not answer now is no reason to wait for one.
        settings.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(configuration: settings)
        do {
            try await show(path, socket, client, type, text)
        } catch {
            // The client insists on an end; what went wrong before is what counts.
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    private func show<Answer: Codable & Sendable>(
        _ path: String,
        _ socket: String,
        _ client: HTTPClient,
        _ type: Answer.Type,
        _ text: (Answer) -> String
    ) async throws {
        repeat {
            let answer = try JSONDecoder().decode(type, from: try await ask(path, socket, client))
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

    private func socketPath() throws -> String {
        if let socket { return socket }
        let options = try ConfigurationOptions.parse(config.map { ["--config", $0] } ?? [])
        guard let path = try options.load().status.socket else {
            throw CommandFailure(
                "status.socket is empty in the configuration: the daemon opens none"
            )
        }
        return path
    }

    private func ask(
        _ path: String,
        _ socket: String,
        _ client: HTTPClient
    ) async throws -> Data {
        guard let url = URL(httpURLWithSocketPath: socket, uri: path) else {
            throw CommandFailure("\(socket): is no path of a socket")
        }
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            let request = HTTPClientRequest(url: url.absoluteString)
            response = try await client.execute(request, timeout: Self.timeout)
            body = try await response.body.collect(upTo: Self.largestAnswer)
        } catch {
            throw CommandFailure(
                "no daemon answers at \(socket): \(Self.words(error))\nIs it running (systemctl status fairlead)? Does it use another configuration (--config)?"
            )
        }
        guard response.status == .ok else {
            throw CommandFailure(
                String(buffer: body).trimmingCharacters(in: .whitespacesAndNewlines)
            )
        }
        return Data(body.readableBytesView)
    }

    /// The system's own words, where it is the system that refuses.
    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as HTTPClientError
        where error == .connectTimeout || error == .deadlineExceeded:
            "no answer in time"
        default: "\(error)"
        }
    }
}
