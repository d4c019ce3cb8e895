import Addressing
import AsyncHTTPClient
import Glibc
import NIOCore
import NIOSSL

extension HTTPClient {
    /// A client for one server with one set of certificates. With `isTunnelled` it connects through
    /// a proxy tunnel on this host.
    static func connecting(
        to server: ServerAddress,
        _ access: ClusterAccess,
        _ credentials: Credentials,
        isTunnelled: Bool,
        connectTimeout: TimeAmount
    ) throws(ClientError) -> HTTPClient {
        let name = access.serverName ?? server.host
        // The library would compare the tunnel's address with those in the certificate.
        let address = isTunnelled && access.verifiesServer ? IPAddress(name) : nil
        var tls = try TLSConfiguration.client(access, credentials)
        if address != nil { tls.certificateVerification = .noHostnameVerification }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(connect: connectTimeout, read: nil, write: .seconds(30))
        )
        // `Backoff` decides when to retry, and other servers come first.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
        if isTunnelled, IPAddress(name) == nil {
            configuration.dnsOverride = [name: "127.0.0.1"]
        } else if access.serverName != nil {
            configuration.dnsOverride = [name: server.host]
        }
        let usesTLS = server.usesTLS
        let prepare = { @Sendable (channel: any Channel) -> EventLoopFuture<Void> in
            guard usesTLS, let address else { return channel.keepAlive().closing(channel) }
            return channel.nioSSL_peerCertificate().flatMapThrowing { certificate in
                guard let certificate, certificate.names(address) else {
                    throw NIOSSLExtraError.failedToValidateHostname
                }
            }
            .flatMap { channel.keepAlive() }
            .closing(channel)
        }
        configuration.http1_1ConnectionDebugInitializer = prepare
        configuration.http2ConnectionDebugInitializer = prepare
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }
}

extension TLSConfiguration {
    /// For an https proxy: its certificate may be issued by the system's authorities or, as with
    /// client-go, by the cluster's. No client certificate is sent to it.
    static func proxy(
        _ access: ClusterAccess,
        _ credentials: Credentials
    ) throws(ClientError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if !access.verifiesServer { configuration.certificateVerification = .none }
        configuration.additionalTrustRoots = [
            .certificates(try authorities(access, credentials) ?? [])
        ]
        return configuration
    }

    fileprivate static func client(
        _ access: ClusterAccess,
        _ credentials: Credentials
    ) throws(ClientError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if !access.verifiesServer { configuration.certificateVerification = .none }
        if let authorities = try authorities(access, credentials) {
            configuration.trustRoots = .certificates(authorities)
        }
        guard let certificate = credentials.certificate, let key = credentials.key else {
            return configuration
        }
        let place = access.certificate?.place ?? "the credential plugin"
        configuration.certificateChain =
            try certificates(certificate, of: "client certificate of \(place)")
            .map { .certificate($0) }
        do {
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(key.reveal().utf8), format: .pem)
            )
        } catch {
            // The library's error may quote the input.
            let place = access.key?.place ?? "the credential plugin"
            throw ClientError("client key of \(place): is not an unencrypted PEM private key")
        }
        return configuration
    }

    /// The cluster's authorities; nil trusts the system's.
    static func authorities(
        _ access: ClusterAccess,
        _ credentials: Credentials
    ) throws(ClientError) -> [NIOSSLCertificate]? {
        guard let authority = credentials.authority else { return nil }
        return try certificates(authority, of: "certificate authority of \(access.trust)")
    }

    private static func certificates(
        _ text: Secret,
        of role: String
    ) throws(ClientError) -> [NIOSSLCertificate] {
        guard let found = try? NIOSSLCertificate.fromPEMBytes(Array(text.reveal().utf8)),
            !found.isEmpty
        else { throw ClientError("\(role): does not hold a PEM certificate") }
        return found
    }
}

extension Channel {
    /// Lets the kernel detect a dead peer: after 5 s of silence it probes every 5 s, and closes the
    /// connection after 15 s without a response (`tcp(7)`; `TCP_USER_TIMEOUT` takes precedence over
    /// the count). A rebooted host answers the next probe with a reset and so is noticed within 5
    /// s. client-go's HTTP/2 pings, sent after 30 s of silence, take six times as long.
    func keepAlive() -> EventLoopFuture<Void> {
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

extension EventLoopFuture where Value == Void {
    /// Closes `channel`, on its event loop, before a failure is delivered: the HTTP client drops
    /// such a connection without closing it. The client has to see the close first, because an
    /// HTTP/2 connection that ends after the client was shut down traps.
    fileprivate func closing(_ channel: any Channel) -> EventLoopFuture<Void> {
        flatMapError { error in
            let pipeline = channel.pipeline.syncOperations
            // Below TLS, whose own close waits for the server's response.
            if let tls = try? pipeline.context(handlerType: NIOSSLClientHandler.self) {
                tls.close(promise: nil)
            } else {
                channel.close(promise: nil)
            }
            return channel.closeFuture.flatMapThrowing { throw error }
        }
    }
}
