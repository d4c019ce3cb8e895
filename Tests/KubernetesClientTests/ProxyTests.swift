import Addressing
import Foundation
import Glibc
import KubernetesTestServer
import NIOCore
import ServiceModel
import Testing

@testable import KubernetesClient

extension NetworkSuites {
    @Suite("Proxies", .timeLimit(.minutes(10)))
    struct ProxyTests {
        /// More than what sockets and buffers on the way hold.
        private static func largeCluster() -> TestCluster {
            let cluster = TestCluster()
            cluster.put(
                (0..<3000).map { index in
                    .service(
                        Service(
                            name: ServiceName(
                                namespace: "shop",
                                name: "a-rather-long-name-\(index)"
                            ),
                            clusterIPs: [IPAddress(ipv4: 0x0a60_0001 + UInt32(index))],
                            ports: PortNumber(80).map { [ServicePort(name: "http", port: $0)] }
                                ?? []
                        )
                    )
                }
            )
            return cluster
        }

        @Test(
            "An API server is reached through each kind of proxy, by address and by name",
            arguments: TestProxy.Kind.allCases,
            [("", "127.0.0.1"), ("me:p:w", "api.test")]
        )
        func reached(kind: TestProxy.Kind, by: (login: String, host: String)) async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                var options = ServerOptions()
                options.tls = try authority.server(alternatives: "IP:127.0.0.1,DNS:api.test")
                options.servesHTTP2 = kind == .http
                let own = try authority.issue("proxy", alternatives: "IP:127.0.0.1")
                let proxy = try TestProxy(
                    kind,
                    login: by.login,
                    certificate: own.certificate,
                    key: own.key
                )
                let user = by.login.isEmpty ? "" : "me:p%3Aw@"
                let large = Self.largeCluster()
                try await withServer(large, options) { server, address in
                    let access = ClusterAccess(
                        servers: [ServerAddress(host: by.host, port: address.port)],
                        authority: .file(authority.certificate),
                        proxy: ProxyAddress("\(kind.rawValue)://\(user)127.0.0.1:\(proxy.port)")
                    )
                    try await withConnection(access) { connection in
                        try await connection.ask()
                        #expect(try proxy.target() == "\(by.host):\(address.port)")
                        try await connection.ask()
                        #expect(server.requests.count == 2)
                    }
                    #expect(server.requests[0].headers["host"] == "\(by.host):\(address.port)")
                }
            }
        }

        @Test("The server's certificate is checked behind a proxy, too: its authority and its name")
        func certificates() async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                let other = try TestAuthority(in: directory, name: "other")
                var options = ServerOptions()
                options.tls = try authority.server(alternatives: "IP:192.0.2.1,DNS:api")
                let proxy = try TestProxy(.http)
                try await withServer(TestCluster(), options) { server, address in
                    var access = ClusterAccess(
                        servers: [address],
                        authority: .file(authority.certificate),
                        proxy: ProxyAddress("http://127.0.0.1:\(proxy.port)")
                    )
                    let name = try await failure(access)
                    #expect(name.contains("is for 192.0.2.1, api, not for 127.0.0.1; trusted: "))
                    access.serverName = "api"
                    try await withConnection(access) { try await $0.ask() }
                    access.authority = .file(other.certificate)
                    let chain = try await failure(access)
                    #expect(chain.contains("was issued by \"ca\", which is not trusted"))
                    #expect(chain.hasSuffix("; trusted: \(other.certificate)"))
                    #expect(server.requests.count == 1)
                }
            }
        }

        @Test("A refusal by the proxy is reported with its address and without its password")
        func refusals() async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                let own = try authority.issue("proxy", alternatives: "IP:127.0.0.1")
                func failure(_ proxy: TestProxy, _ url: String) async throws -> String {
                    try await self.failure(
                        ClusterAccess(
                            servers: [ServerAddress(host: "127.0.0.1", port: 1)],
                            proxy: ProxyAddress(url.replacing("PORT", with: "\(proxy.port)"))
                        )
                    )
                }
                let http = try TestProxy(.http, login: "me:pw")
                let asks = try await failure(http, "http://127.0.0.1:PORT")
                #expect(
                    asks
                        == "https://127.0.0.1:1: proxy http://127.0.0.1:\(http.port): requires a user name and password (407)"
                )
                let wrong = try await failure(http, "http://me:geheim@127.0.0.1:PORT")
                #expect(wrong.hasSuffix("rejects the user name and password (407)"))
                #expect(!wrong.contains("geheim"))
                let socks = try TestProxy(.socks5, login: "me:pw")
                #expect(
                    try await failure(socks, "socks5://me:geheim@127.0.0.1:PORT")
                        .hasSuffix("rejects the user name and password")
                )
                #expect(
                    try await failure(socks, "socks5://127.0.0.1:PORT")
                        .hasSuffix("requires a user name and password")
                )
                let tls = try TestProxy(.https, certificate: own.certificate, key: own.key)
                #expect(
                    try await failure(tls, "https://127.0.0.1:PORT")
                        .contains("its certificate is not accepted; trusted: the system's")
                )
                #expect(
                    try await failure(tls, "http://127.0.0.1:1")
                        .hasSuffix("proxy http://127.0.0.1:1: Connection refused")
                )
            }
        }

        @Test("Other users on the host are not let into the tunnel")
        func strangers() async throws {
            let head =
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
            func line(_ ends: String, _ state: String, _ user: Int) -> String {
                "   0: \(ends) \(state) 00000000:00000000 00:00000000 00000000 \(user) 0 7 1 0\n"
            }
            let text =
                head + line("0100007F:1F90 00000000:0000", "0A", 0)
                // More than is read at once.
                + String(repeating: line("0200007F:D431 0100007F:1F90", "01", 0), count: 2000)
                + line("0100007F:1F90 0100007F:D431", "01", 0)
                + line("0100007F:D433 0100007F:1F90", "06", 0)
                + line("0100007F:D431 0100007F:1F90", "01", 1000)
            try await withDirectory { directory in
                let table = directory + "/tcp"
                try text.write(toFile: table, atomically: true, encoding: .utf8)
                func isOwned(by user: UInt32, peer: Int, limit: Int = 1 << 20) -> Bool {
                    LoopbackPeer.isOwned(
                        by: user,
                        peer: peer,
                        own: 0x1f90,
                        table: table,
                        limit: limit
                    )
                }
                #expect(isOwned(by: 1000, peer: 0xd431))
                #expect(!isOwned(by: 0, peer: 0xd431))
                #expect(!isOwned(by: 0, peer: 0xd432))
                // Closed by its process, which leaves user 0 to it.
                #expect(!isOwned(by: 0, peer: 0xd433))
                #expect(!isOwned(by: 1000, peer: 0xd431, limit: text.utf8.count - 100))
            }
        }

        @Test(
            "An authority's file that is broken later does not end what works",
            arguments: [TestProxy.Kind.http, .https, .socks5]
        )
        func brokenAuthority(kind: TestProxy.Kind) async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                var options = ServerOptions()
                options.tls = try authority.server()
                let own = try authority.issue("proxy", alternatives: "IP:127.0.0.1")
                let proxy = try TestProxy(kind, certificate: own.certificate, key: own.key)
                try await withServer(TestCluster(), options) { server, address in
                    let access = ClusterAccess(
                        servers: [address],
                        authority: .file(authority.certificate),
                        proxy: ProxyAddress("\(kind.rawValue)://127.0.0.1:\(proxy.port)")
                    )
                    try await withConnection(access) { connection in
                        try await connection.ask()
                        try "half a".write(
                            toFile: authority.certificate,
                            atomically: true,
                            encoding: .utf8
                        )
                        try await connection.ask()
                        // A new connection is checked with what the tunnel has.
                        await server.stop()
                        try await server.start(port: address.port)
                        #expect(await eventually { (try? await connection.ask()) != nil })
                    }
                }
            }
        }

        @Test(
            "A connection whose certificate is for another address is closed",
            arguments: [false, true]
        )
        func refusedConnections(http2: Bool) async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                var options = ServerOptions()
                options.tls = try authority.server(alternatives: "IP:192.0.2.1")
                options.servesHTTP2 = http2
                let proxy = try TestProxy(.http)
                try await withServer(TestCluster(), options) { server, address in
                    let access = ClusterAccess(
                        servers: [address],
                        authority: .file(authority.certificate),
                        proxy: ProxyAddress("http://127.0.0.1:\(proxy.port)")
                    )
                    try await withConnection(access) { connection in
                        for _ in 0..<3 {
                            let error = await #expect(throws: ConnectionFailure.self) {
                                try await connection.ask()
                            }
                            #expect(error?.description.contains("not for 127.0.0.1") == true)
                        }
                        #expect(await eventually { server.connectionCount == 0 })
                    }
                }
            }
        }

        @Test("What came before the end of a connection reaches a slow reader whole")
        func slowReader() async throws {
            let size = 8 << 20
            let (listener, port) = try Self.listen()
            defer { close(listener) }
            let proxy = try TestProxy(.http)
            let tunnel = try await ProxyTunnel.open(
                to: ServerAddress(host: "127.0.0.1", port: port),
                by: try #require(ProxyAddress("http://127.0.0.1:\(proxy.port)")),
                tls: nil,
                trust: "",
                timeout: .seconds(30)
            )
            Thread.detachNewThread {
                let peer = accept(listener, nil, nil)
                let block = [UInt8](repeating: 1, count: 64 << 10)
                var sent = 0
                while sent < size {
                    let count = send(peer, block, block.count, Int32(MSG_NOSIGNAL))
                    guard count > 0 else { break }
                    sent += count
                }
                close(peer)
            }
            let received = await withCheckedContinuation { continuation in
                Thread.detachNewThread { [port = tunnel.port] in
                    continuation.resume(returning: Self.readSlowly(port))
                }
            }
            #expect(received >= size)
            await tunnel.close()
        }

        /// A listening socket on the loopback address, and its port.
        private static func listen() throws -> (socket: Int32, port: Int) {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = loopback(0)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutableBytes(of: &address) { bytes in
                let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
                guard bind(listener, pointer, length) == 0, Glibc.listen(listener, 1) == 0 else {
                    return Int32(-1)
                }
                return pointer.map { getsockname(listener, $0, &length) } ?? -1
            }
            try #require(status == 0)
            return (listener, Int(UInt16(bigEndian: address.sin_port)))
        }

        /// The number of bytes that come until the end, through a small buffer.
        private static func readSlowly(_ port: Int) -> Int {
            let reader = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(reader) }
            var size: Int32 = 4096
            setsockopt(reader, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
            var address = loopback(port)
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeBytes(of: &address) {
                connect(reader, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, length)
            }
            guard status == 0 else { return 0 }
            var buffer = [UInt8](repeating: 0, count: 2048)
            var total = 0
            while true {
                let count = read(reader, &buffer, buffer.count)
                guard count > 0 else { return total }
                total += count
                // Slower than the sender, so that bytes have to wait in the tunnel.
                usleep(200)
            }
        }

        private static func loopback(_ port: Int) -> sockaddr_in {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return address
        }

        /// The reason for which a request fails.
        private func failure(_ access: ClusterAccess) async throws -> String {
            var text = ""
            try await withConnection(access) { connection in
                let error = await #expect(throws: ConnectionFailure.self) {
                    try await connection.ask()
                }
                text = error?.description ?? ""
            }
            return text
        }
    }
}
