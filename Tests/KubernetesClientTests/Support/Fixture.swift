import Foundation
import KubernetesTestServer
import Logging

@testable import KubernetesClient

/// A directory of its own, gone afterwards.
func withDirectory(_ body: (String) async throws -> Void) async throws {
    let path = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await body(path)
}

/// A server that runs while `body` does.
func withServer(
    _ cluster: TestCluster = TestCluster(),
    _ options: ServerOptions = ServerOptions(),
    _ body: (KubernetesTestServer, ServerAddress) async throws -> Void
) async throws {
    let server = KubernetesTestServer(cluster, options: options)
    let port = try await server.start()
    let address = ServerAddress(usesTLS: options.tls != nil, host: "127.0.0.1", port: port)
    do {
        try await body(server, address)
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

/// A connection that is closed when `body` ends.
func withConnection(
    _ access: ClusterAccess,
    settings: APIConnection.Settings = .unlimited,
    environment: [String: String] = ["PATH": "/usr/bin:/bin"],
    time: Timebase = .standard,
    _ body: (APIConnection) async throws -> Void
) async throws {
    let connection = APIConnection(
        access,
        settings: settings,
        environment: environment,
        time: time,
        logger: .silent
    )
    do {
        try await body(connection)
    } catch {
        await connection.close()
        throw error
    }
    await connection.close()
}

extension APIConnection.Settings {
    /// No limit on requests.
    static var unlimited: Self {
        var settings = Self()
        settings.rate = 1_000_000
        settings.burst = 1_000_000
        return settings
    }
}

extension APIRequest {
    static let services = APIRequest(path: "/api/v1/services", idleLimit: .seconds(30))
}

extension APIConnection {
    /// Sends a request and reads its answer to the end; where that came from.
    @discardableResult
    func ask(_ request: APIRequest = .services) async throws -> ServerAddress {
        try await send(request) { body in
            try await body.read { _ in }
            return body.server
        }
    }
}

extension Logger {
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
