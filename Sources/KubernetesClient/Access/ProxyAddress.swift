import FoundationEssentials

/// A proxy between this node and the API server (kubeconfig `proxy-url`).
package struct ProxyAddress: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// HTTP CONNECT.
        case http
        case socks5
    }

    package var kind: Kind
    package var host: String
    package var port: Int
    package var userName: String?
    package var password: Secret?

    /// Parses `http://user:password@host:port` or `socks5://host:port`. Nil for anything else: a proxy
    /// spoken to over TLS, or a SOCKS proxy that asks for a password, is not supported.
    package init?(_ text: String) {
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty else {
            return nil
        }
        switch parts.scheme?.lowercased() {
        case "http": (kind, port) = (.http, parts.port ?? 80)
        case "socks5", "socks5h": (kind, port) = (.socks5, parts.port ?? 1080)
        default: return nil
        }
        guard (1...65535).contains(port), kind == .http || parts.user == nil else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        userName = parts.user
        password = parts.password.map(Secret.init)
    }
}
