import Foundation
import KubernetesTestServer
import Testing

@testable import KubernetesClient

extension NetworkSuites {
    /// What people read when the API server cannot be reached.
    @Suite("Errors in words", .timeLimit(.minutes(10)))
    struct ErrorWordsTests {
        private func failure(
            _ access: ClusterAccess,
            timeout: Duration = .seconds(10)
        ) async throws -> String {
            var settings = APIConnection.Settings.unlimited
            settings.connectTimeout = timeout
            var text = ""
            try await withConnection(access, settings: settings) { connection in
                do {
                    try await connection.ask()
                } catch {
                    text = shortText(error)
                }
            }
            for sign in ["NIO", "Error", "(", "CNIOBoringSSL", ".build", ".swift", "Optional"] {
                #expect(!text.contains(sign), "\(text)")
            }
            return text
        }

        private func withTLS(
            alternatives: String = "IP:127.0.0.1",
            asksClients: Bool = false,
            isExpired: Bool = false,
            _ body: (ServerAddress, TestAuthority, TestAuthority) async throws -> Void
        ) async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                let other = try TestAuthority(in: directory, name: "other")
                var options = ServerOptions()
                options.tls = try authority.server(
                    alternatives: alternatives,
                    asksClients: asksClients,
                    isExpired: isExpired
                )
                try await withServer(TestCluster(), options) { _, address in
                    try await body(address, authority, other)
                }
            }
        }

        @Test("A certificate of another authority: by whom it is, and which ones are trusted")
        func authority() async throws {
            try await withTLS { address, _, other in
                var access = ClusterAccess(servers: [address], authority: .file(other.certificate))
                let text = try await failure(access)
                #expect(
                    text
                        == "\(address): its certificate was issued by \"ca\", which is not trusted; trusted: \(other.certificate)"
                )
                access.authority = .inline(Secret(try textOfFile(other.certificate)))
                access.origin = "/etc/fairlead/kubeconfig"
                let inline = try await failure(access)
                #expect(
                    inline
                        .hasSuffix(
                            "trusted: certificate-authority-data in /etc/fairlead/kubeconfig"
                        )
                )
                access.authority = nil
                let system = try await failure(access)
                #expect(
                    system.hasSuffix(
                        "trusted: the system's certificate authorities, because /etc/fairlead/kubeconfig names none"
                    )
                )
            }
        }

        @Test("An expired certificate: since when")
        func expired() async throws {
            try await withTLS(isExpired: true) { address, authority, _ in
                let access = ClusterAccess(
                    servers: [address],
                    authority: .file(authority.certificate)
                )
                let text = try await failure(access)
                #expect(
                    text
                        == "\(address): its certificate expired on 2020-01-02 00:00 UTC; trusted: \(authority.certificate)"
                )
            }
        }

        @Test("A certificate for another name: for which")
        func name() async throws {
            try await withTLS(alternatives: "DNS:kubernetes,IP:10.96.0.1") {
                address,
                authority,
                _ in
                var access = ClusterAccess(
                    servers: [address],
                    authority: .file(authority.certificate)
                )
                let start = "\(address): its certificate is for kubernetes, 10.96.0.1, not for"
                let text = try await failure(access)
                #expect(
                    text
                        == "\(start) 127.0.0.1; trusted: \(authority.certificate)"
                )
                access.serverName = "api"
                let named = try await failure(access)
                #expect(named == "\(start) api; trusted: \(authority.certificate)")
            }
        }

        @Test("A client certificate that the server refuses")
        func clientCertificate() async throws {
            try await withTLS(asksClients: true) { address, authority, other in
                let own = try other.issue("me")
                let access = ClusterAccess(
                    servers: [address],
                    authority: .file(authority.certificate),
                    certificate: .file(own.certificate),
                    key: .file(own.key)
                )
                let text = try await failure(access)
                #expect(text.contains("rejects the client certificate: "), "\(text)")
            }
        }

        @Test("Connection refused, unknown name, no route, no TLS")
        func network() async throws {
            func failure(_ host: String, _ port: Int) async throws -> String {
                let server = ServerAddress(host: host, port: port)
                return try await self.failure(
                    ClusterAccess(servers: [server]),
                    timeout: .milliseconds(300)
                )
            }
            let text11 = try await failure("127.0.0.1", 1)
            #expect(text11 == "https://127.0.0.1:1: Connection refused")
            let text = try await failure("api.invalid", 6443)
            #expect(
                text
                    == "https://api.invalid:6443: the name api.invalid cannot be resolved"
            )
            // A documentation network: the system or a firewall rejects it, or nothing responds.
            let nowhere = try await failure("192.0.2.1", 6443)
            #expect(
                [
                    "Network is unreachable", "No route to host", "Connection refused",
                    "connection timed out",
                ].contains {
                    nowhere == "https://192.0.2.1:6443: \($0)"
                },
                "\(nowhere)"
            )
            try await withServer { _, plain in
                let text = try await failure(plain.host, plain.port)
                #expect(
                    text
                        == "https://\(plain.authority): it does not speak TLS"
                )
            }
        }

        @Test("Files that cannot be read or used are named")
        func files() async throws {
            try await withDirectory { directory in
                let server = ServerAddress(host: "127.0.0.1", port: 1)
                var access = ClusterAccess(servers: [server], authority: .file(directory))
                #expect(try await failure(access) == "\(directory): Is a directory")
                access.authority = .file(directory + "/absent")
                let text = try await failure(access)
                #expect(text == "\(directory)/absent: No such file or directory")
                // Without a writer it would be waited for.
                let pipe = directory + "/pipe"
                #expect(mkfifo(pipe, 0o600) == 0)
                access.authority = .file(pipe)
                let irregular = try await failure(access)
                #expect(irregular == "\(pipe): not a regular file")
                let path = directory + "/ca.crt"
                try "x".write(toFile: path, atomically: true, encoding: .utf8)
                access.authority = .file(path)
                let garbage = try await failure(access)
                #expect(
                    garbage
                        == "certificate authority of \(path): does not hold a PEM certificate"
                )
            }
        }
    }
}
