import Testing

@testable import KubernetesClient

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
        "A server that is not a proxy, or refuses, is reported as such",
        arguments: [
            ("http://p", "SSH-2.0-x", "is not an HTTP proxy"),
            // Known before the head ends, and so not its status.
            ("http://p", "H\r\n\r\n", "is not an HTTP proxy"),
            ("http://p", "HTTP/1", ""),
            (
                "http://p", "HTTP/1.1 403 Forbidden\r\n\r\n",
                "refuses to connect to api:6443: 403 Forbidden"
            ),
            (
                "http://p", "HTTP/1.1 403 \u{202e}\u{1b}[2J\nno\r\n\r\n",
                "refuses to connect to api:6443: 403 \u{fffd}\u{fffd}[2J\u{fffd}no"
            ),
            ("socks5://p", "HTTP/1.1", "is not a SOCKS 5 proxy"),
            (
                "socks5://p", "\u{5}\u{0}\u{5}\u{5}\u{0}\u{1}\u{0}",
                "cannot connect to api:6443: connection refused"
            ),
            (
                "http://p", "HTTP/1.1 " + String(repeating: "x", count: 70_000),
                "sends too long a response"
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
