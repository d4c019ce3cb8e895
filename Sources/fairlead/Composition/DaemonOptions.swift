import ArgumentParser
import AsyncHTTPClient
import DaemonConfiguration
import FoundationEssentials
import NIOCore
import NIOHTTP1
import SystemPackage

/// Options to reach the running daemon.
struct DaemonOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Configuration file that names the socket.")
    var config: String?

    @Option(help: "The daemon's socket. Overrides status.socket.")
    var socket: String?

    func validate() throws {
        if socket == "" { throw ValidationError("--socket: names no socket; it is a path") }
    }

    private static let timeout = TimeAmount.seconds(10)
    private static let largestAnswer = 64 << 20

    /// The daemon's answer to a request for `path`.
    func ask(_ path: String, method: HTTPMethod) async throws -> Data {
        var answer = Data()
        try await withClient { answer = try await ask(path, method: method, $0) }
        return answer
    }

    /// Calls `body` with a client, and shuts the client down afterwards.
    func withClient(_ body: (HTTPClient) async throws -> Void) async throws {
        var settings = HTTPClient.Configuration()
        // Fail at once if no daemon listens.
        settings.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(configuration: settings)
        do {
            try await body(client)
        } catch {
            // The client must be shut down; the first error is the one to report.
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    func ask(_ path: String, method: HTTPMethod, _ client: HTTPClient) async throws -> Data {
        let socket = try socketPath()
        guard let url = URL(httpURLWithSocketPath: socket, uri: path) else {
            throw CommandFailure("\(socket): not a valid socket path")
        }
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.method = method
            response = try await client.execute(request, timeout: Self.timeout)
            body = try await response.body.collect(upTo: Self.largestAnswer)
        } catch {
            let reason = Self.reason(error)
            guard !reason.contains("Permission denied") else {
                throw CommandFailure("\(socket): \(reason): only root may ask the daemon")
            }
            throw CommandFailure(
                "no daemon answers at \(socket): \(reason)\nIs it running (systemctl status fairlead)? Does it use another configuration (--config)?"
            )
        }
        guard response.status == .ok else {
            throw CommandFailure(Self.line(String(buffer: body)))
        }
        return Data(body.readableBytesView)
    }

    private func socketPath() throws -> String {
        if let socket { return socket }
        let options = try ConfigurationOptions.parse(config.map { ["--config", $0] } ?? [])
        var status = DaemonConfiguration().status
        do {
            status = try options.file().configuration.status
        } catch let error as UnusableConfiguration {
            // The daemon that runs was started with another, or by another command line.
            complain("warning: \(error)\nasking at the default socket, \(status.socket ?? "")")
        }
        guard let path = status.socket else {
            throw CommandFailure(
                "status.socket is empty in the configuration: the daemon has no socket"
            )
        }
        return path
    }

    /// Without the white space around it.
    private static func line(_ answer: String) -> String {
        let start = answer.drop(while: \.isWhitespace)
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...end])
    }

    /// The system's error text, or the client's.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: Errno(rawValue: error.errnoCode).description
        case let error as HTTPClientError
        where error == .connectTimeout || error == .deadlineExceeded:
            "no answer in time"
        case let error as HTTPClientError: error.shortDescription
        default: "\(error)"
        }
    }
}
