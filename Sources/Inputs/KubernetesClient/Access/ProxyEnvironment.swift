import Addressing
import FoundationEssentials

/// The proxies in `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, read as Go programs read them
/// (`golang.org/x/net/http/httpproxy`), including client-go.
package struct ProxyEnvironment: Sendable, Hashable {
    /// An entry of `NO_PROXY`.
    enum Exception: Sendable, Hashable {
        case everything
        case range(IPPrefix)
        /// A nil port matches every port.
        case address(IPAddress, port: Int?)
        /// A domain with a leading dot: matches its subdomains and, with `includesItself`, the
        /// domain itself.
        case domain(String, port: Int?, includesItself: Bool)
    }

    private var http: ProxyAddress?
    private var https: ProxyAddress?
    private(set) var exceptions: [Exception] = []

    /// Upper-case names take precedence over lower-case ones. An invalid address is an error that
    /// does not quote it, because it may hold a password.
    package init(_ environment: [String: String]) throws(ClientError) {
        func value(_ name: String) -> (name: String, value: String)? {
            for name in [name, name.lowercased()] {
                if let value = environment[name], !value.isEmpty { return (name, value) }
            }
            return nil
        }
        func proxy(_ name: String) throws(ClientError) -> ProxyAddress? {
            guard let (name, text) = value(name) else { return nil }
            guard let address = ProxyAddress(text.contains("://") ? text : "http://\(text)") else {
                throw ClientError(
                    "environment variable \(name): is not an address such as http://192.0.2.1:3128"
                )
            }
            return address
        }
        http = try proxy("HTTP_PROXY")
        https = try proxy("HTTPS_PROXY")
        exceptions = value("NO_PROXY").map { Self.exceptions($0.value) } ?? []
    }

    /// Nil if `server` is to be reached directly, as this node always is.
    package func proxy(for server: ServerAddress) -> ProxyAddress? {
        guard let proxy = server.usesTLS ? https : http else { return nil }
        let host = server.host.lowercased()
        if host == "localhost" { return nil }
        let address = IPAddress(host)
        if address?.isLoopback == true { return nil }
        let isException = exceptions.contains { $0.covers(host, address, port: server.port) }
        return isException ? nil : proxy
    }

    private static func exceptions(_ text: String) -> [Exception] {
        var result: [Exception] = []
        for part in text.split(separator: ",") {
            let entry = part.filter { !$0.isWhitespace }.lowercased()
            if entry.isEmpty { continue }
            if entry == "*" { return [.everything] }
            if entry.contains("/") {
                if let range = IPPrefix(entry) { result.append(.range(range)) }
                continue
            }
            if let exception = Exception(entry) { result.append(exception) }
        }
        return result
    }
}

extension ProxyEnvironment.Exception {
    /// Nil for a port without a host.
    fileprivate init?(_ entry: String) {
        var host = entry
        var port: Int?
        let colons = entry.filter { $0 == ":" }.count
        // Several colons without brackets are an IPv6 address.
        if colons == 1 || entry.hasPrefix("["), let colon = entry.lastIndex(of: ":"),
            let number = Int(entry[entry.index(after: colon)...])
        {
            (host, port) = (String(entry[..<colon]), number)
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if let address = IPAddress(host) {
            self = .address(address, port: port)
            return
        }
        if host.hasPrefix("*.") { host.removeFirst() }
        guard !host.isEmpty else { return nil }
        let includesItself = !host.hasPrefix(".")
        self = .domain(
            includesItself ? ".\(host)" : host,
            port: port,
            includesItself: includesItself
        )
    }

    func covers(_ host: String, _ address: IPAddress?, port: Int) -> Bool {
        switch self {
        case .everything: true
        case .range(let range): address.map(range.contains) ?? false
        case .address(let excepted, let only): address == excepted && (only ?? port) == port
        case .domain(let domain, let only, let includesItself):
            (only ?? port) == port
                && (host.hasSuffix(domain) || includesItself && host == domain.dropFirst())
        }
    }
}
