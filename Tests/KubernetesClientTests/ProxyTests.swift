import Addressing
import KubernetesTestServer
import ServiceModel
import Testing

@testable import KubernetesClient

extension NetworkSuites {
    @Suite("Proxies", .timeLimit(.minutes(5)))
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
                        #expect(proxy.target() == "\(by.host):\(address.port)")
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

        @Test("What a proxy refuses is told with the proxy's address, and without its password")
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
                        == "https://127.0.0.1:1: proxy http://127.0.0.1:\(http.port): asks for a user and a password (407)"
                )
                let wrong = try await failure(http, "http://me:geheim@127.0.0.1:PORT")
                #expect(wrong.hasSuffix("refuses our user and password (407)"))
                #expect(!wrong.contains("geheim"))
                let socks = try TestProxy(.socks5, login: "me:pw")
                #expect(
                    try await failure(socks, "socks5://me:geheim@127.0.0.1:PORT")
                        .hasSuffix("refuses our user and password")
                )
                #expect(
                    try await failure(socks, "socks5://127.0.0.1:PORT")
                        .hasSuffix("asks for a user and a password")
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

        @Test("Nobody else on the host is let into the tunnel")
        func strangers() {
            let table = """
                  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
                   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
                   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0
                   2: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000

                """
            func isOwned(by user: UInt32, peer: Int) -> Bool {
                LoopbackPeer.isOwned(by: user, peer: peer, own: 0x1f90, table: table)
            }
            #expect(isOwned(by: 1000, peer: 0xd431))
            #expect(!isOwned(by: 0, peer: 0xd431))
            #expect(!isOwned(by: 0, peer: 0xd432))
        }

        /// What asking comes to, which is a failure.
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

/// What a proxy may answer, byte by byte.
@Suite("Talk with a proxy")
struct TunnelNegotiationTests {
    private func talk(
        _ url: String,
        host: String = "api",
        _ answers: [[UInt8]]
    ) throws -> [TunnelNegotiation.Step] {
        let proxy = try #require(ProxyAddress(url))
        var negotiation = TunnelNegotiation(proxy, host: host, port: 6443)
        var steps: [TunnelNegotiation.Step] = []
        for answer in answers {
            for byte in answer.dropLast() {
                let early = try negotiation.receive([byte])
                #expect(early == .wait)
            }
            steps.append(try negotiation.receive(answer.suffix(1)))
        }
        return steps
    }

    @Test("HTTP: what follows the head belongs to the server")
    func http() throws {
        let proxy = try #require(ProxyAddress("http://me:p%40w@proxy"))
        var negotiation = TunnelNegotiation(proxy, host: "fd00::1", port: 6443)
        #expect(
            String(decoding: negotiation.opening, as: UTF8.self)
                == "CONNECT [fd00::1]:6443 HTTP/1.1\r\nHost: [fd00::1]:6443\r\n"
                + "Proxy-Authorization: Basic bWU6cEB3\r\n\r\n"
        )
        let early = try negotiation.receive(Array("HTTP/1.0 200 OK\r\nVia: x\r".utf8))
        #expect(early == .wait)
        let last = try negotiation.receive(Array("\n\r\n\u{16}\u{3}".utf8))
        #expect(last == .done([0x16, 3]))
    }

    @Test("SOCKS 5 with a password, by name and by address")
    func socks() throws {
        #expect(
            try talk("socks5://me:pw@proxy", [[5, 2], [1, 0], [5, 0, 0, 3, 1, 0x61, 0, 80]]) == [
                .send([1, 2, 0x6d, 0x65, 2, 0x70, 0x77]),
                .send([5, 1, 0, 3, 3, 0x61, 0x70, 0x69, 0x19, 0x2b]), .done([]),
            ]
        )
        #expect(
            try talk("socks5://proxy", host: "192.0.2.1", [[5, 0]])
                == [.send([5, 1, 0, 1, 192, 0, 2, 1, 0x19, 0x2b])]
        )
    }

    @Test(
        "What is no proxy, or refuses, is told so",
        arguments: [
            ("http://p", "SSH-2.0-x", "is no HTTP proxy"),
            (
                "http://p", "HTTP/1.1 403 Forbidden\r\n\r\n",
                "refuses to connect to api:6443: 403 Forbidden"
            ),
            ("socks5://p", "HTTP/1.1", "is no SOCKS 5 proxy"),
            (
                "socks5://p", "\u{5}\u{0}\u{5}\u{5}\u{0}\u{1}\u{0}",
                "cannot connect to api:6443: connection refused"
            ),
            (
                "http://p", "HTTP/1.1 " + String(repeating: "x", count: 70_000),
                "answers without end"
            ),
        ]
    )
    func refused(url: String, answer: String, expected: String) throws {
        let proxy = try #require(ProxyAddress(url))
        var negotiation = TunnelNegotiation(proxy, host: "api", port: 6443)
        var problem = ""
        do throws(ClientError) {
            for part in [answer.utf8.prefix(2), answer.utf8.dropFirst(2)] {
                _ = try negotiation.receive(Array(part))
            }
        } catch {
            problem = error.description
        }
        #expect(problem == expected)
    }
}
