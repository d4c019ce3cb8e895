import Addressing
import FoundationEssentials
import PrintableText

/// The handshake with a proxy that opens a connection through it: HTTP CONNECT (RFC 9110, 9.3.6) or
/// SOCKS 5 (RFC 1928, with RFC 1929 for a password).
///
/// Pure: bytes in, bytes out.
struct TunnelNegotiation: Sendable {
    enum Step: Sendable, Hashable {
        /// More bytes are needed.
        case wait
        case send([UInt8])
        /// The tunnel is open; these bytes came through it already.
        case done([UInt8])
    }

    private enum State: Hashable {
        case http
        case socksMethod
        case socksLogin
        case socksAnswer
    }

    /// The rest of a proxy's response is not read.
    private static let limit = 64 << 10

    private let proxy: ProxyAddress
    private let host: String
    private let port: Int
    private var state: State
    private var received: [UInt8] = []

    init(_ proxy: ProxyAddress, host: String, port: Int) {
        self.proxy = proxy
        self.host = host
        self.port = port
        state = proxy.kind == .socks5 ? .socksMethod : .http
    }

    /// The first bytes to send.
    var opening: [UInt8] {
        guard proxy.kind == .socks5 else { return connectRequest }
        // Offers no authentication and, with a user name, a password.
        return proxy.userName == nil ? [5, 1, 0] : [5, 2, 0, 2]
    }

    /// The next step after these bytes. Throws if the proxy refuses, or is not a proxy.
    mutating func receive(_ bytes: [UInt8]) throws(ClientError) -> Step {
        received += bytes
        guard received.count <= Self.limit else { throw ClientError("sends too long a response") }
        switch state {
        case .http: return try httpAnswer()
        case .socksMethod: return try socksMethod()
        case .socksLogin: return try socksLogin()
        case .socksAnswer: return try socksAnswer()
        }
    }

    // MARK: - HTTP

    private var connectRequest: [UInt8] {
        let target = "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        var text = "CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\n"
        if let user = proxy.userName {
            let login = Data("\(user):\(proxy.password?.reveal() ?? "")".utf8)
            text += "Proxy-Authorization: Basic \(login.base64EncodedString())\r\n"
        }
        return Array("\(text)\r\n".utf8)
    }

    private func httpAnswer() throws(ClientError) -> Step {
        guard zip(received, "HTTP/1.".utf8).allSatisfy({ $0 == $1 }) else {
            throw ClientError("is not an HTTP proxy")
        }
        guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return .wait }
        let line = String(decoding: received.prefix { $0 != 13 }, as: UTF8.self)
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        let status = words.count > 1 ? words[1] : "a response without a status"
        if status.hasPrefix("407") {
            throw ClientError(
                proxy.userName == nil
                    ? "requires a user name and password (407)"
                    : "rejects the user name and password (407)"
            )
        }
        guard status.hasPrefix("2") else {
            throw ClientError("refuses to connect to \(host):\(port): \(printable(status))")
        }
        return .done(Array(received[end.upperBound...]))
    }

    // MARK: - SOCKS

    private mutating func socksMethod() throws(ClientError) -> Step {
        guard received.count >= 2 else { return .wait }
        guard received[0] == 5 else { throw ClientError("is not a SOCKS 5 proxy") }
        let method = received[1]
        received.removeFirst(2)
        switch method {
        case 0: return connect()
        case 2 where proxy.userName != nil:
            state = .socksLogin
            return .send(try login())
        default:
            throw ClientError(
                proxy.userName == nil
                    ? "requires a user name and password"
                    : "does not accept a user name and password"
            )
        }
    }

    private func login() throws(ClientError) -> [UInt8] {
        let user = Array((proxy.userName ?? "").utf8)
        let password = Array((proxy.password?.reveal() ?? "").utf8)
        guard (1...255).contains(user.count), password.count <= 255 else {
            throw ClientError("accepts user names and passwords of up to 255 bytes")
        }
        return [1, UInt8(user.count)] + user + [UInt8(password.count)] + password
    }

    private mutating func socksLogin() throws(ClientError) -> Step {
        guard received.count >= 2 else { return .wait }
        guard received[1] == 0 else { throw ClientError("rejects the user name and password") }
        received.removeFirst(2)
        return connect()
    }

    private mutating func connect() -> Step {
        state = .socksAnswer
        let port = [
            UInt8(truncatingIfNeeded: self.port >> 8), UInt8(truncatingIfNeeded: self.port),
        ]
        return .send([5, 1, 0] + target + port)
    }

    /// Its type and bytes. A name goes to the proxy unchanged, cut to the 255 bytes that fit.
    private var target: [UInt8] {
        if let address = IPAddress(host) {
            return [address.family == .ipv4 ? 1 : 4] + address.bytes
        }
        let name = Array(host.utf8.prefix(255))
        return [3, UInt8(name.count)] + name
    }

    private func socksAnswer() throws(ClientError) -> Step {
        guard received.count >= 5 else { return .wait }
        guard received[0] == 5 else { throw ClientError("is not a SOCKS 5 proxy") }
        guard received[1] == 0 else {
            let reasons = [
                "general failure", "not allowed", "network unreachable", "host unreachable",
                "connection refused", "too many hops", "command not supported",
                "address type not supported",
            ]
            let code = Int(received[1])
            let reason = code <= reasons.count ? reasons[code - 1] : "code \(code)"
            throw ClientError("cannot connect to \(host):\(port): \(reason)")
        }
        let address: Int
        switch received[3] {
        case 1: address = 4
        case 3: address = 1 + Int(received[4])
        case 4: address = 16
        default: throw ClientError("is not a SOCKS 5 proxy")
        }
        let length = 4 + address + 2
        return received.count < length ? .wait : .done(Array(received[length...]))
    }
}
