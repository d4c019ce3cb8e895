import Addressing
import Glibc
import HostFacts
import ServiceModel
import Testing

@testable import HealthChecking

@Suite("Probing over the network")
struct NetworkProberTests {
    private static let patience = Duration.milliseconds(400)

    private func http(
        _ server: RawServer,
        _ request: HealthCheck.Request = HealthCheck.Request(),
        timeout: Duration = .seconds(30)
    ) -> HealthTarget {
        HealthTarget(
            socket: server.socket,
            probe: .http(request),
            timing: HealthCheck.Timing(timeout: timeout)
        )
    }

    private func tcp(_ socket: SocketAddress, timeout: Duration = .seconds(30)) -> HealthTarget {
        HealthTarget(
            socket: socket,
            probe: .tcp,
            timing: HealthCheck.Timing(timeout: timeout)
        )
    }

    /// What a probe of an endpoint that behaves so comes to, within its timeout.
    private func result(
        _ conduct: RawServer.Conduct,
        _ request: HealthCheck.Request = HealthCheck.Request(),
        timeout: Duration = .seconds(30)
    ) async throws -> ProbeResult {
        let server = try await RawServer(conduct)
        let result = try await NetworkProber().probe(http(server, request, timeout: timeout))
        try await server.stop()
        return result
    }

    // MARK: - TCP

    @Test("A server that accepts passes, and one that does not listen is refused")
    func tcp() async throws {
        let prober = try await NetworkProber()
        let server = try await RawServer(.hang)
        #expect(await prober.probe(tcp(server.socket)) == .passed)
        try await server.stop()
        // The port of a server that is gone may be another's by now.
        let (silent, address) = try Self.bound()
        defer { close(silent) }
        #expect(await prober.probe(tcp(address)) == .failed(reason: "Connection refused"))
    }

    @Test("A server that accepts no connection fails at the timeout")
    func fullBacklog() async throws {
        let (listener, address) = try Self.bound()
        defer { close(listener) }
        try #require(listen(listener, 0) == 0)
        let target = tcp(address, timeout: Self.patience)
        let prober = try await NetworkProber()
        var results: [ProbeResult] = []
        // Connections closed by the client still wait for the server.
        for _ in 0..<3 { results.append(await prober.probe(target)) }
        #expect(results.last == .failed(reason: "no response within 0.4 seconds"))
    }

    /// A socket with a port of loopback that does not listen yet.
    private static func bound() throws -> (Int32, SocketAddress) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
            _ = bind(descriptor, pointer, size)
            _ = getsockname(descriptor, pointer, &size)
        }
        let port = try #require(PortNumber(Int(UInt16(bigEndian: address.sin_port))))
        return (descriptor, SocketAddress(IPAddress(ipv4: 0x7f00_0001), port))
    }

    // MARK: - HTTP

    @Test(
        "The status decides",
        arguments: [
            ("200 OK", nil), ("302 Found", nil), ("399 Odd", nil),
            ("400 Bad Request", "response status 400"),
            ("500 Internal Server Error", "response status 500"),
        ]
    )
    func status(_ line: String, _ reason: String?) async throws {
        let found = try await result(.answer("HTTP/1.1 \(line)\r\nLocation: /\r\n\r\n"))
        #expect(found == reason.map { .failed(reason: $0) } ?? .passed)
    }

    @Test("Statuses can be chosen, an informational one is not a response, a body need not end")
    func chosenStatus() async throws {
        let teapot = HealthCheck.Request(statuses: [200...200, 418...418])
        let answer = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 418 Teapot\r\n"
        #expect(
            try await result(.answer(answer + "Content-Length: 999999999\r\n\r\nx"), teapot)
                == .passed
        )
        #expect(
            try await result(.answer("HTTP/1.1 204 None\r\n\r\n"), teapot)
                == .failed(reason: "response status 204")
        )
    }

    @Test("A slow answer passes within the timeout and fails beyond it")
    func slow() async throws {
        let answer = RawServer.Conduct.answer("HTTP/1.1 200 OK\r\n\r\n", after: .milliseconds(300))
        #expect(try await result(answer) == .passed)
        #expect(
            try await result(answer, timeout: .milliseconds(100))
                == .failed(reason: "no response within 0.1 seconds")
        )
    }

    @Test("Silence fails at the timeout, from the start or in the middle of the headers")
    func hang() async throws {
        let expected = ProbeResult.failed(reason: "no response within 0.4 seconds")
        #expect(try await result(.hang, timeout: Self.patience) == expected)
        #expect(
            try await result(.answer("HTTP/1.1 200 OK\r\nA: b"), timeout: Self.patience)
                == expected
        )
    }

    @Test("A connection closed or reset without an answer fails")
    func closed() async throws {
        #expect(
            try await result(.close)
                == .failed(reason: "closed the connection without a response")
        )
        #expect(try await result(.reset) == .failed(reason: "Connection reset by peer"))
    }

    @Test(
        "Garbage is not HTTP",
        arguments: ["SSH-2.0-OpenSSH_9.2\r\n", "\0\0\0\u{1}\u{2}", "HTTP/1.1 20x OK\r\n\r\n"]
    )
    func garbage(_ text: String) async throws {
        #expect(try await result(.answer(text)) == .failed(reason: "the response is not HTTP"))
    }

    @Test("Endless headers, in one line or many, end the probe early")
    func endless() async throws {
        let line = String(repeating: "a", count: 1000)
        for piece in [line, "X: \(line)\r\n"] {
            let found = try await result(.endless("HTTP/1.1 200 OK\r\nX: ", piece))
            guard case .failed(let reason) = found else {
                Issue.record("\(found)")
                continue
            }
            #expect(!reason.contains("no response"), "\(reason)")
        }
    }

    // MARK: - Life

    @Test("A cancelled probe ends at once, even one cancelled before it began")
    func cancellation() async throws {
        let server = try await RawServer(.hang)
        let target = http(server, timeout: .seconds(3600))
        let prober = try await NetworkProber()
        let start = ContinuousClock.now
        for hasBegun in [false, true] {
            let probe = Task { await prober.probe(target) }
            if hasBegun { await server.isAsked() }
            probe.cancel()
            #expect(await probe.value == .impossible(reason: "cancelled"))
        }
        #expect(start.duration(to: .now) < .seconds(1800))
        try await server.stop()
    }

    @Test("Sockets are those of the namespace that the thread has entered")
    func namespace() async throws {
        let server = try await RawServer(.hang)
        // Its loopback interface is down, so that not even 127.0.0.1 can be reached.
        let inside = try await NetworkProber { try NetworkNamespace.enterNew() }
        #expect(
            await inside.probe(tcp(server.socket)) == .failed(reason: "Network is unreachable")
        )
        #expect(try await NetworkProber().probe(tcp(server.socket)) == .passed)
        try await server.stop()
    }

    @Test("A namespace that cannot be entered is an error at the start")
    func missingNamespace() async {
        await #expect(throws: (any Error).self) {
            _ = try await NetworkProber { try NetworkNamespace.enter("fairlead-no-such") }
        }
    }
}
