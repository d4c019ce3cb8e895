import Foundation
import KubernetesAPI
import KubernetesTestServer
import Synchronization
import Testing

@testable import KubernetesClient

extension NetworkSuites {
    @Suite("API connection", .timeLimit(.minutes(10)))
    struct APIConnectionTests {
        private func write(_ text: String, _ path: String) throws {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }

        @Test("A rotated token counts for the next request")
        func tokenRotation() async throws {
            try await withDirectory { directory in
                var options = ServerOptions()
                options.authorizations = ["Bearer one"]
                try await withServer(TestCluster(), options) { server, address in
                    try write("one\n", directory + "/token")
                    let access = ClusterAccess(
                        servers: [address],
                        authorization: .tokenFile(directory + "/token")
                    )
                    try await withConnection(access) { connection in
                        try await connection.ask()
                        try write("two\n", directory + "/token")
                        server.change { $0.authorizations = ["Bearer two"] }
                        try await connection.ask()
                        // A file in the middle of its replacement leaves us what it had.
                        try FileManager.default.removeItem(atPath: directory + "/token")
                        try await connection.ask()
                    }
                }
            }
        }

        @Test("Another access counts for the next request; an unreadable one changes nothing")
        func renewedAccess() async throws {
            var options = ServerOptions()
            options.authorizations = ["Bearer one"]
            try await withServer(TestCluster(), options) { first, firstAddress in
                options.authorizations = ["Bearer two"]
                try await withServer(TestCluster(), options) { second, secondAddress in
                    func access(_ token: String, _ server: ServerAddress) -> ClusterAccess {
                        ClusterAccess(servers: [server], authorization: .token(Secret(token)))
                    }
                    let new = Mutex<ClusterAccess?>(nil)
                    let connection = APIConnection(
                        access("one", firstAddress),
                        reread: { () throws(ClientError) in
                            guard let access = new.withLock({ $0 }) else {
                                throw ClientError("unreadable")
                            }
                            return access
                        },
                        settings: .unlimited,
                        logger: .silent
                    )
                    await connection.renewAccess()
                    let asked = try await connection.ask()
                    #expect(asked == firstAddress)
                    new.withLock { $0 = access("two", secondAddress) }
                    #expect(try await connection.ask() == firstAddress)
                    await connection.renewAccess()
                    #expect(try await connection.ask() == secondAddress)
                    #expect(first.requests.count == 2 && second.requests.count == 1)
                    await connection.close()
                }
            }
        }

        @Test("The parts of one answer are not held to the rate")
        func continuations() async throws {
            try await withServer { server, address in
                var settings = APIConnection.Settings()
                settings.rate = 0.001
                settings.burst = 1
                let access = ClusterAccess(servers: [address])
                try await withConnection(access, settings: settings) { connection in
                    try await connection.ask()
                    var next = APIRequest.services
                    next.continuesAnswer = true
                    for _ in 0..<20 { try await connection.ask(next) }
                    #expect(server.requests.count == 21)
                }
            }
        }

        @Test("A connection lost during a response differs from a complete response")
        func brokenStream() async throws {
            let cluster = TestCluster()
            cluster.put(.node(ClusterNode(name: "node-a")))
            try await withServer(cluster) { server, address in
                server.setFault { $0.isWatch ? .dropAfter(bytes: 10) : nil }
                try await withConnection(ClusterAccess(servers: [address])) { connection in
                    var request = APIRequest(
                        path: "/api/v1/nodes",
                        query: [("watch", "true")],
                        isWatch: true,
                        idleLimit: .seconds(30)
                    )
                    let broken = await #expect(throws: BrokenStream.self) {
                        try await connection.ask(request)
                    }
                    #expect(broken?.server == address)
                    request.query = []
                    request.isWatch = false
                    try await connection.ask(request)
                }
            }
        }

        @Test("A refused plugin is asked again, once")
        func pluginAfter401() async throws {
            try await withDirectory { directory in
                var options = ServerOptions()
                options.authorizations = ["Bearer t2"]
                try await withServer(TestCluster(), options) { server, address in
                    let script = """
                        #!/bin/sh
                        echo x >> \(directory)/runs
                        echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",\
                        "status":{"token":"t'$(wc -l < \(directory)/runs)'"}}'
                        """
                    try write(script, directory + "/plugin")
                    try FileManager.default.setAttributes(
                        [.posixPermissions: 0o755],
                        ofItemAtPath: directory + "/plugin"
                    )
                    let plugin = ExecPlugin(version: .v1, command: directory + "/plugin")
                    let access = ClusterAccess(servers: [address], authorization: .plugin(plugin))
                    try await withConnection(access) { connection in
                        try await connection.ask()
                        #expect(server.requests.count == 2)
                        server.change { $0.authorizations = [] }
                        let status = await #expect(throws: APIStatus.self) {
                            try await connection.ask()
                        }
                        #expect(status?.code == 401)
                        #expect(server.requests.count == 4)
                    }
                }
            }
        }

        @Test("Basic credentials, user agent and encodings are sent")
        func headers() async throws {
            try await withServer { server, address in
                let access = ClusterAccess(
                    servers: [address],
                    authorization: .basic(userName: "me", password: Secret("pw"))
                )
                var settings = APIConnection.Settings.unlimited
                settings.userAgent = "fairlead/1.2.3"
                try await withConnection(access, settings: settings) { try await $0.ask() }
                let headers = server.requests.first?.headers
                #expect(headers?["authorization"] == "Basic bWU6cHc=")
                #expect(headers?["user-agent"] == "fairlead/1.2.3")
                #expect(
                    headers?["accept"] == "application/vnd.kubernetes.protobuf,application/json"
                )
                #expect(headers?["host"] == address.authority)
            }
        }

        @Test(
            "Client certificates, rotated ones included, over HTTP/1.1 and HTTP/2",
            arguments: [
                false, true,
            ]
        )
        func clientCertificates(http2: Bool) async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                let other = try TestAuthority(in: directory, name: "other")
                var options = ServerOptions()
                options.tls = try authority.server(asksClients: true)
                options.servesHTTP2 = http2
                let good = try authority.issue("me")
                let bad = try other.issue("me")
                let (certificate, key) = (directory + "/me.crt", directory + "/me.key")
                func use(_ files: (certificate: String, key: String)) throws {
                    try write(
                        String(contentsOfFile: files.certificate, encoding: .utf8),
                        certificate
                    )
                    try write(String(contentsOfFile: files.key, encoding: .utf8), key)
                }
                try await withServer(TestCluster(), options) { server, address in
                    var access = ClusterAccess(
                        servers: [address],
                        authority: .file(authority.certificate),
                        certificate: .file(certificate),
                        key: .file(key)
                    )
                    try use(good)
                    try await withConnection(access) { connection in
                        try await connection.ask()
                        try await connection.ask()
                        #expect(server.connectionCount == 1)
                        try use(bad)
                        await #expect(throws: (any Error).self) { try await connection.ask() }
                        try use(good)
                        try await connection.ask()
                        try write("half a", key)
                        // Unusable certificates leave the working ones in place.
                        try await connection.ask()
                    }
                    try use(good)
                    access.authority = .file(other.certificate)
                    try await withConnection(access) { connection in
                        await #expect(throws: ConnectionFailure.self) { try await connection.ask() }
                    }
                    access.verifiesServer = false
                    try await withConnection(access) { try await $0.ask() }
                }
            }
        }

        @Test("The server's certificate may be for another name, if configured")
        func serverName() async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                var options = ServerOptions()
                options.tls = try authority.server(alternatives: "DNS:kubernetes")
                try await withServer(TestCluster(), options) { server, address in
                    var access = ClusterAccess(
                        servers: [address],
                        authority: .file(authority.certificate)
                    )
                    try await withConnection(access) { connection in
                        await #expect(throws: ConnectionFailure.self) { try await connection.ask() }
                    }
                    access.serverName = "kubernetes"
                    try await withConnection(access) { try await $0.ask() }
                    #expect(server.requests.first?.headers["host"] == address.authority)
                }
            }
        }

        @Test("A redirect is an error, and is not followed", arguments: [301, 307])
        func redirect(_ code: Int) async throws {
            try await withServer { other, elsewhere in
                try await withServer { server, address in
                    server.setFault { request in
                        let location = "http://\(elsewhere.authority)\(request.path)"
                        return .status(
                            ServedStatus(code: code, reason: "Moved", location: location)
                        )
                    }
                    let access = ClusterAccess(
                        servers: [address],
                        authorization: .token(Secret("hunter2"))
                    )
                    try await withConnection(access) { connection in
                        let error = await #expect(throws: APIStatus.self) {
                            try await connection.ask()
                        }
                        #expect(error?.code == code)
                    }
                    #expect(server.requests.count == 1)
                    #expect(other.requests.isEmpty)
                }
            }
        }

        @Test("A proxy is asked for the server, with its own credentials")
        func proxy() async throws {
            // The test server is not a proxy, but it reports the request.
            try await withServer { server, address in
                let there = ServerAddress(host: "192.0.2.1", port: 6443)
                let access = ClusterAccess(
                    servers: [there],
                    proxy: ProxyAddress("http://me:pw@\(address.authority)")
                )
                try await withConnection(access) { connection in
                    await #expect(throws: ConnectionFailure.self) { try await connection.ask() }
                }
                let request = server.requests.first
                #expect(request?.method == "CONNECT")
                #expect(request?.path == "192.0.2.1:6443")
                #expect(request?.headers["proxy-authorization"] == "Basic bWU6cHc=")
                #expect(request?.headers["authorization"] == nil)
            }
        }

        @Test("The next server is tried when one does not answer, and a working one is kept")
        func failover() async throws {
            let cluster = TestCluster()
            try await withServer(cluster) { first, firstAddress in
                try await withServer(cluster) { second, secondAddress in
                    let unreachable = ServerAddress(usesTLS: false, host: "127.0.0.1", port: 1)
                    let access = ClusterAccess(servers: [unreachable, firstAddress, secondAddress])
                    try await withConnection(access) { connection in
                        #expect(try await connection.ask() == firstAddress)
                        #expect(try await connection.ask() == firstAddress)
                        await first.stop()
                        #expect(try await connection.ask() == secondAddress)
                        try await first.start(port: firstAddress.port)
                        #expect(try await connection.ask() == secondAddress)
                        await second.stop()
                        #expect(try await connection.ask() == firstAddress)
                        await first.stop()
                        let failure = await #expect(throws: ConnectionFailure.self) {
                            try await connection.ask()
                        }
                        #expect(failure?.description.contains("Connection refused") == true)
                    }
                }
            }
        }

        @Test("A server that accepts and says nothing is left for the next")
        func silentServer() async throws {
            try await withServer { first, firstAddress in
                first.setFault { _ in .stall }
                try await withServer { _, secondAddress in
                    let access = ClusterAccess(servers: [firstAddress, secondAddress])
                    try await withConnection(access, time: Timebase(speed: 6)) { connection in
                        let server = try await connection.ask()
                        #expect(server == secondAddress)
                    }
                }
            }
        }

        @Test("A peer that falls silent in the middle of a body is given up")
        func silentBody() async throws {
            let cluster = TestCluster()
            cluster.put(.serviceCIDR(name: "a", []))
            try await withServer(cluster) { server, address in
                server.setFault { _ in .stallAfter(bytes: 10) }
                let access = ClusterAccess(servers: [address])
                try await withConnection(access, time: Timebase(speed: 6)) { connection in
                    await #expect(throws: IdleTimeout.self) {
                        try await connection.ask(
                            APIRequest(path: "/api/v1/services", idleLimit: .seconds(60))
                        )
                    }
                }
            }
        }

        @Test("The kernel watches over idle connections")
        func keepAlive() async throws {
            try await withServer { server, address in
                try await withConnection(ClusterAccess(servers: [address])) { connection in
                    try await connection.ask()
                    // Column tr of the table: 02 is a running keep-alive timer.
                    let port = String(address.port, radix: 16, uppercase: true)
                    let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/net/tcp"))
                    let table = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
                    var timers: [Substring] = []
                    for line in table.split(separator: "\n") {
                        let words = line.split(separator: " ")
                        guard words.count > 5, words[2] == "0100007F:\(port)", words[3] == "01"
                        else {
                            continue
                        }
                        timers.append(words[5].prefix(2))
                    }
                    #expect(timers == ["02"])
                }
            }
        }

        @Test("An error's status and how long to wait come with it")
        func statuses() async throws {
            try await withServer { server, address in
                server.setFault { _ in
                    .status(
                        ServedStatus(code: 429, reason: "TooManyRequests", retryAfterSeconds: 7)
                    )
                }
                try await withConnection(ClusterAccess(servers: [address])) { connection in
                    let status = await #expect(throws: APIStatus.self) {
                        try await connection.ask()
                    }
                    #expect(status?.code == 429)
                    #expect(status?.retryAfterSeconds == 7)
                }
            }
        }

        @Test("Requests keep to their rate")
        func rate() async throws {
            try await withServer { server, address in
                var settings = APIConnection.Settings()
                settings.rate = 5
                settings.burst = 2
                let time = Timebase(speed: 4)
                try await withConnection(
                    ClusterAccess(servers: [address]),
                    settings: settings,
                    time: time
                ) { connection in
                    let start = time.now
                    for _ in 0..<7 { try await connection.ask() }
                    #expect(time.now - start >= .seconds(1))
                }
            }
        }
    }
}
