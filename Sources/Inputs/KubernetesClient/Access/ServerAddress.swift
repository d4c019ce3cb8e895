import FoundationEssentials

/// The address of an API server.
package struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
    package var usesTLS: Bool
    /// A host name, or an address without brackets.
    package var host: String
    package var port: Int
    /// Prefix of each request's path; empty, or begins with a slash and does not end with one.
    package var basePath: String

    package init(usesTLS: Bool = true, host: String, port: Int, basePath: String = "") {
        self.usesTLS = usesTLS
        self.host = host
        self.port = port
        self.basePath = basePath
    }

    /// Parses `https://host:port/path`; without a scheme it is https, or http without
    /// `defaultsToTLS`. Nil for other schemes, for user names and passwords, which have fields of
    /// their own, and for queries.
    package init?(_ text: String, defaultsToTLS: Bool = true) {
        let scheme = defaultsToTLS ? "https" : "http"
        let full = text.contains("://") ? text : "\(scheme)://\(text)"
        guard let parts = URLComponents(string: full), parts.user == nil, parts.password == nil,
            parts.query == nil, parts.fragment == nil,
            let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let host = parts.host, !host.isEmpty
        else { return nil }
        usesTLS = scheme == "https"
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        guard (1...65535).contains(parts.port ?? 443) else { return nil }
        port = parts.port ?? (usesTLS ? 443 : 80)
        basePath = parts.percentEncodedPath
        while basePath.hasSuffix("/") { basePath.removeLast() }
    }

    /// `host:port`, an IPv6 address in brackets.
    package var authority: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    package var description: String {
        "\(usesTLS ? "https" : "http")://\(authority)\(basePath)"
    }
}
