import ArgumentParser
import AsyncHTTPClient
import DaemonConfiguration
import Foundation
import NIOCore
import NIOHTTP1
import SystemPackage

/// How to reach the running daemon.
struct DaemonOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Configuration file, for the socket's path.")
    var config: String?

    @Option(help: "The daemon's socket. Overrides status.socket.")
    var socket: String?

    private static let timeout = TimeAmount.seconds(10)
    private static let largestAnswer = 64 << 20

    /// What the daemon answers at `path`.
    func ask(_ path: String, method: HTTPMethod) async throws -> Data {
        var answer = Data()
        try await withClient { answer = try await ask(path, method: method, $0) }
        return answer
    }

    /// Gives `body` a client, which ends with it.
    func withClient(_ body: (HTTPClient) async throws -> Void) async throws {
        var settings = HTTPClient.Configuration()
        // A daemon that does not answer now is no reason to wait for one.
        settings.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(configuration: settings)
        do {
            try await body(client)
        } catch {
            // The client insists on an end; what went wrong before is what counts.
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    func ask(_ path: String, method: HTTPMethod, _ client: HTTPClient) async throws -> Data {
        let socket = try socketPath()
        guard let url = URL(httpURLWithSocketPath: socket, uri: path) else {
            throw CommandFailure("\(socket): is no path of a socket")
        }
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.method = method
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

    /// The system's own words, where it is the system that refuses.
    private static func words(_ error: any Error) -> String {
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
