import KubernetesClient
import Testing

/// The rules of Go's `httpproxy` package, which client-go uses.
@Suite("Proxies of the environment")
struct ProxyEnvironmentTests {
    private func proxy(_ environment: [String: String], _ server: String) throws -> String? {
        let server = try #require(ServerAddress(server))
        return try ProxyEnvironment(environment).proxy(for: server)?.description
    }

    @Test("The scheme of the server chooses, capitals come first, and a proxy needs no scheme")
    func choice() throws {
        let both = ["HTTPS_PROXY": "secure:3128", "HTTP_PROXY": "socks5://plain"]
        #expect(try proxy(both, "https://api") == "http://secure:3128")
        #expect(try proxy(both, "http://api") == "socks5://plain:1080")
        #expect(try proxy(["HTTP_PROXY": "plain"], "https://api") == nil)
        #expect(
            try proxy(["https_proxy": "small", "HTTPS_PROXY": "large"], "api") == "http://large:80"
        )
        #expect(try proxy(["https_proxy": "small"], "api") == "http://small:80")
        #expect(try proxy(["HTTPS_PROXY": "", "https_proxy": "small"], "api") == "http://small:80")
    }

    @Test(
        "NO_PROXY, entry by entry",
        arguments: [
            ("*", "api.example.com", true), ("example.com", "example.com", true),
            ("example.com", "api.example.com", true), ("example.com", "badexample.com", false),
            (".example.com", "example.com", false), (".example.com", "api.example.com", true),
            ("*.example.com", "api.example.com", true), ("*.example.com", "example.com", false),
            ("Example.COM", "API.example.com", true),
            ("example.com:6443", "example.com:6443", true),
            ("example.com:6443", "example.com", false), ("10.0.0.0/8", "10.1.2.3:6443", true),
            ("10.0.0.0/8", "11.1.2.3", false), ("fd00::/8", "[fd00::1]:6443", true),
            ("10.1.2.3", "10.1.2.3:6443", true), ("10.1.2.3:443", "10.1.2.3:6443", false),
            ("10.1.2.3:443", "10.1.2.3", true), ("[fd00::1]:6443", "[fd00::1]:6443", true),
            ("fd00::1", "[fd00::1]", true), (" a , b.test ,", "b.test", true),
            ("10.0.0.0/99", "10.1.2.3", false), ("", "api", false), (":443", "api", false),
        ]
    )
    func exceptions(entry: String, server: String, isDirect: Bool) throws {
        let environment = ["HTTPS_PROXY": "proxy", "NO_PROXY": entry]
        #expect(try (proxy(environment, server) == nil) == isDirect)
    }

    @Test(
        "The node itself is never reached through a proxy",
        arguments: ["localhost", "127.0.0.1", "[::1]"]
    )
    func loopback(host: String) throws {
        #expect(try proxy(["HTTPS_PROXY": "proxy"], host) == nil)
    }

    @Test("A mistake names the variable and not its value")
    func mistake() {
        let error = #expect(throws: ClientError.self) {
            try ProxyEnvironment(["https_proxy": "ftp://me:geheim@proxy"])
        }
        #expect(error?.description.hasPrefix("environment variable https_proxy: ") == true)
        #expect(error?.description.contains("geheim") == false)
    }
}
