import Addressing
import FoundationEssentials

/// A proxy between this node and the API server (kubeconfig `proxy-url`, or the environment).
package struct ProxyAddress: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable, Hashable {
        /// HTTP CONNECT.
        case http
        /// HTTP CONNECT, over TLS.
        case https
        case socks5
    }

    package var kind: Kind
    package var host: String
    package var port: Int
    package var userName: String?
    package var password: Secret?

    /// Parses `http://user:password@host:port`, or the same with `https` or `socks5`; the port is
    /// optional. Nil for anything else.
    package init?(_ text: String) {
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty else {
            return nil
        }
        switch parts.scheme?.lowercased() {
        case "http": (kind, port) = (.http, parts.port ?? 80)
        case "https": (kind, port) = (.https, parts.port ?? 443)
        // With either scheme the proxy resolves the server's name.
        case "socks5", "socks5h": (kind, port) = (.socks5, parts.port ?? 1080)
        default: return nil
        }
        guard (1...65535).contains(port) else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        userName = parts.user
        password = parts.password.map(Secret.init)
    }

    /// The host is a name, not an address.
    var isNamed: Bool { IPAddress(host) == nil }

    /// Without user and password.
    package var description: String {
        "\(kind.rawValue)://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}
