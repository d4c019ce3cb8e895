import AsyncHTTPClient
import Glibc
import NIOCore
import NIOSSL

extension HTTPClient {
    /// A client for one server with one set of certificates.
    static func connecting(
        to server: ServerAddress,
        _ access: ClusterAccess,
        _ credentials: Credentials,
        connectTimeout: TimeAmount
    ) throws(ClientError) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: try TLSConfiguration.client(access, credentials),
            redirectConfiguration: .disallow,
            timeout: .init(connect: connectTimeout, read: nil, write: .seconds(30)),
            proxy: access.proxy.map(HTTPClient.Configuration.Proxy.init)
        )
        // The back-off is ours, and other servers come first.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
        if let name = access.serverName { configuration.dnsOverride = [name: server.host] }
        configuration.http1_1ConnectionDebugInitializer = { $0.keepAlive() }
        configuration.http2ConnectionDebugInitializer = { $0.keepAlive() }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }
}

extension TLSConfiguration {
    fileprivate static func client(
        _ access: ClusterAccess,
        _ credentials: Credentials
    ) throws(ClientError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if !access.verifiesServer { configuration.certificateVerification = .none }
        if let authority = credentials.authority {
            configuration.trustRoots = .certificates(
                try certificates(authority, of: "certificate authority")
            )
        }
        guard let certificate = credentials.certificate, let key = credentials.key else {
            return configuration
        }
        configuration.certificateChain = try certificates(certificate, of: "client certificate")
            .map { .certificate($0) }
        do {
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(key.reveal().utf8), format: .pem)
            )
        } catch {
            // The library's error may describe the input.
            throw ClientError("client key: is no unencrypted private key in PEM form")
        }
        return configuration
    }

    private static func certificates(
        _ text: Secret,
        of role: String
    ) throws(ClientError) -> [NIOSSLCertificate] {
        guard let found = try? NIOSSLCertificate.fromPEMBytes(Array(text.reveal().utf8)),
            !found.isEmpty
        else { throw ClientError("\(role): holds no certificate in PEM form") }
        return found
    }
}

extension HTTPClient.Configuration.Proxy {
    fileprivate init(_ address: ProxyAddress) {
        switch address.kind {
        case .socks5: self = .socksServer(host: address.host, port: address.port)
        case .http:
            let login = address.userName.map {
                HTTPClient.Authorization.basic(
                    username: $0,
                    password: address.password?.reveal() ?? ""
                )
            }
            self = .server(host: address.host, port: address.port, authorization: login)
        }
    }
}

extension Channel {
    /// Lets the kernel notice a peer that is gone: after 5 s of silence it asks every 5 s, and gives
    /// up after 15 s without an answer (`tcp(7)`; `TCP_USER_TIMEOUT` takes precedence over the
    /// count). A server that has lost the connection answers the next question with a reset, so a
    /// host that crashed and came back is noticed within 5 s, where client-go's HTTP/2 pings, after
    /// 30 s of silence, take six times as long.
    fileprivate func keepAlive() -> EventLoopFuture<Void> {
        let options: [(Int32, ChannelOptions.Types.SocketOption.Value)] = [
            (TCP_KEEPIDLE, 5), (TCP_KEEPINTVL, 5), (TCP_KEEPCNT, 3), (TCP_USER_TIMEOUT, 15_000),
        ]
        var settings = options.map { option, value in
            setOption(.tcpOption(.init(rawValue: option)), value: value)
        }
        settings.append(setOption(.socketOption(.so_keepalive), value: 1))
        return EventLoopFuture.andAllSucceed(settings, on: eventLoop)
    }
}
