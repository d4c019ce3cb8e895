import Addressing
import Foundation
import NIOSSL
import ServiceModel
import TestSupport
import Testing

@testable import HealthChecking

@Suite("Probing over TLS")
struct TLSProbeTests {
    private static let answer = RawServer.Conduct.answer("HTTP/1.1 200 OK\r\n\r\n")

    private func target(_ server: RawServer, _ tls: HealthCheck.TLS) -> HealthTarget {
        HealthTarget(socket: server.socket, probe: .https(HealthCheck.Request(), tls))
    }

    private func failure(_ result: ProbeResult) -> String {
        if case .failed(let reason) = result { return reason }
        return "\(result)"
    }

    @Test("The certificate has to be from a trusted authority, for the name or the address")
    func verification() async throws {
        let authority = try TestAuthority()
        let named = try await RawServer(
            Self.answer,
            tls: authority.server("DNS:web.example.org")
        )
        let addressed = try await RawServer(Self.answer, tls: authority.server("IP:127.0.0.1"))
        let prober = try await NetworkProber(caFile: authority.certificate)
        let rightName = HealthCheck.TLS(serverName: "web.example.org")
        #expect(await prober.probe(target(named, rightName)) == .passed)
        #expect(await prober.probe(target(addressed, HealthCheck.TLS())) == .passed)
        #expect(await prober.probe(target(addressed, rightName)) == .passed)
        let otherName = HealthCheck.TLS(serverName: "shop.example.org")
        for wrong in [
            await prober.probe(target(named, otherName)),
            await prober.probe(target(named, HealthCheck.TLS())),
        ] {
            #expect(failure(wrong).hasPrefix("TLS: "), "\(wrong)")
        }
        // The system does not know our authority.
        let other = try await NetworkProber()
        #expect(failure(await other.probe(target(named, rightName))).hasPrefix("TLS: "))
        let unverified = HealthCheck.TLS(verifies: false)
        #expect(await other.probe(target(named, unverified)) == .passed)
        // As after a reload with a file for it.
        other.reconfigure(caFile: authority.certificate)
        #expect(await other.probe(target(named, rightName)) == .passed)
        try await named.stop()
        try await addressed.stop()
    }

    @Test("A server without TLS, and one that hangs in the handshake, fail")
    func noTLS() async throws {
        let prober = try await NetworkProber()
        let plain = try await RawServer(Self.answer)
        #expect(failure(await prober.probe(target(plain, HealthCheck.TLS()))).hasPrefix("TLS: "))
        let hanging = try await RawServer(.hang)
        var silent = target(hanging, HealthCheck.TLS())
        silent.timing.timeout = .milliseconds(300)
        #expect(await prober.probe(silent) == .failed(reason: "no response within 0.3 seconds"))
        try await hanging.stop()
        try await plain.stop()
    }

    @Test("A file of certificates that cannot be read is this node's fault, not the endpoint's")
    func unreadableAuthority() async throws {
        let server = try await RawServer(Self.answer)
        let pipe =
            FileManager.default.temporaryDirectory.path + "/fairlead-ca-\(UUID().uuidString)"
        #expect(mkfifo(pipe, 0o600) == 0)
        defer { unlink(pipe) }
        for file in ["/nonexistent/ca.pem", pipe] {
            let prober = try await NetworkProber(caFile: file)
            #expect(
                await prober.probe(target(server, HealthCheck.TLS()))
                    == .impossible(
                        reason: "healthChecks.caFile: cannot read certificates from \(file)"
                    )
            )
        }
        try await server.stop()
    }
}

/// An authority made by openssl, in a directory that ends with it.
private final class TestAuthority {
    private let directory: String
    var certificate: String { "\(directory)/ca.pem" }

    init() throws {
        directory =
            FileManager.default.temporaryDirectory.path + "/fairlead-ca-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        try openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=Test authority",
            "-days",
            "2",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem"
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// What a server with a certificate for `name` needs.
    func server(_ name: String) throws -> NIOSSLContext {
        try openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=Test server",
            "-keyout",
            "server.key",
            "-out",
            "server.csr"
        )
        try "subjectAltName=\(name)\n".write(
            toFile: "\(directory)/extensions",
            atomically: true,
            encoding: .utf8
        )
        try openssl(
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "extensions",
            "-out",
            "server.pem"
        )
        return try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile("\(directory)/server.pem")
                    .map { .certificate($0) },
                privateKey: .privateKey(
                    NIOSSLPrivateKey(file: "\(directory)/server.key", format: .pem)
                )
            )
        )
    }

    private func openssl(_ arguments: String...) throws {
        try TestProgram.run(["/usr/bin/openssl"] + arguments, in: directory)
    }
}
