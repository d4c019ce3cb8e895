import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A tunnel to one API server through a proxy: a port on the loopback address.
///
/// The HTTP client itself supports plain HTTP proxies only, without checking certificates against
/// addresses, and SOCKS without a password. Only processes of the same user are accepted, and all
/// they reach is the API server's own TLS.
final class ProxyTunnel: Sendable {
    let port: Int
    private let listener: any Channel
    private let shared: Shared

    /// Settings shared by all connections.
    fileprivate final class Shared: Sendable {
        let proxy: ProxyAddress
        let server: ServerAddress
        let timeout: TimeAmount
        /// For the proxy's own certificate; nil trusts the system's authorities.
        let tls: Mutex<TLSConfiguration?>
        /// For messages: where the authorities are configured.
        let trust: String
        let failure = Mutex<String?>(nil)
        let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

        init(
            _ proxy: ProxyAddress,
            _ server: ServerAddress,
            _ timeout: TimeAmount,
            _ tls: TLSConfiguration?,
            _ trust: String
        ) {
            self.proxy = proxy
            self.server = server
            self.timeout = timeout
            self.tls = Mutex(tls)
            self.trust = trust
        }
    }

    /// Opens the port. `tls` checks the certificate of an https proxy, and `trust` describes it for
    /// messages; other proxies need neither.
    static func open(
        to server: ServerAddress,
        by proxy: ProxyAddress,
        tls: TLSConfiguration?,
        trust: String,
        timeout: TimeAmount
    ) async throws -> ProxyTunnel {
        let shared = Shared(proxy, server, timeout, tls, trust)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                shared.serve(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        guard let port = listener.localAddress?.port else {
            throw ClientError("no local port for the proxy tunnel")
        }
        return ProxyTunnel(listener, port, shared)
    }

    private init(_ listener: any Channel, _ port: Int, _ shared: Shared) {
        self.listener = listener
        self.port = port
        self.shared = shared
    }

    /// Applies to later connections.
    func trust(_ tls: TLSConfiguration) {
        shared.tls.withLock { $0 = tls }
    }

    /// Why the last connection failed; nil if it succeeded, or after the failure was read once.
    func takeFailure() -> String? {
        shared.failure.withLock { failure in
            defer { failure = nil }
            return failure
        }
    }

    /// Closes the port and all connections through it.
    func close() async {
        // The only possible error is that it was closed before.
        try? await listener.close()
        for channel in shared.channels.withLock({ Array($0.values) }) {
            channel.close(promise: nil)
        }
    }
}

extension ProxyTunnel.Shared {
    /// Relays `client` to the server if it is of the same user; otherwise closes it. Nothing is
    /// read from it before that is known.
    func serve(_ client: any Channel) {
        add(client)
        // A connection just accepted may not be active yet.
        let id = ObjectIdentifier(client)
        let isOpen = { @Sendable in self.channels.withLock { $0[id] != nil } }
        LoopbackPeer.isSameUser(client, isWanted: isOpen).whenComplete { answer in
            guard case .success(true) = answer, isOpen() else {
                client.close(promise: nil)
                return
            }
            self.connect(client)
        }
    }

    private func connect(_ client: any Channel) {
        let done = client.eventLoop.makePromise(of: Void.self)
        let negotiation = TunnelNegotiation(proxy, host: server.host, port: server.port)
        ClientBootstrap(group: client.eventLoop)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls = try self.proxyTLS() { try pipeline.addHandler(tls) }
                    try pipeline.addHandler(NegotiationHandler(negotiation, done))
                }
            }
            .connect(host: proxy.host, port: proxy.port)
            .flatMap { channel in
                self.add(channel)
                channel.keepAlive().cascadeFailure(to: done)
                let overdue = channel.eventLoop.scheduleTask(in: self.timeout) {
                    done.fail(ClientError("does not respond in time"))
                }
                return done.futureResult.map {
                    overdue.cancel()
                    return channel
                }
                .flatMapErrorThrowing { error in
                    overdue.cancel()
                    channel.close(promise: nil)
                    throw error
                }
            }
            .flatMapThrowing { channel in try RelayHandler.join(client, channel) }
            .whenFailure { error in
                done.fail(error)
                self.failure.withLock { $0 = self.words(error) }
                client.close(promise: nil)
            }
    }

    private func words(_ error: any Error) -> String {
        let reason = "proxy \(proxy): \(shortText(error))"
        return CertificateProblem.kind(of: error) == nil ? reason : "\(reason); trusted: \(trust)"
    }

    /// Nil for a proxy without TLS.
    private func proxyTLS() throws -> NIOSSLClientHandler? {
        guard proxy.kind == .https else { return nil }
        let configuration = tls.withLock { $0 } ?? .makeClientConfiguration()
        let context = try NIOSSLContext(configuration: configuration)
        return try NIOSSLClientHandler(
            context: context,
            serverHostname: proxy.isNamed ? proxy.host : nil
        )
    }

    private func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channels.withLock { $0[id] = channel }
        channel.closeFuture.whenComplete { _ in
            self.channels.withLock { _ = $0.removeValue(forKey: id) }
        }
    }
}

/// Runs the negotiation on a channel, and leaves the pipeline once the tunnel is established.
private final class NegotiationHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var negotiation: TunnelNegotiation
    private let done: EventLoopPromise<Void>

    init(_ negotiation: TunnelNegotiation, _ done: EventLoopPromise<Void>) {
        self.negotiation = negotiation
        self.done = done
    }

    func channelActive(context: ChannelHandlerContext) {
        send(negotiation.opening, context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            switch try negotiation.receive(Array(unwrapInboundIn(data).readableBytesView)) {
            case .wait: break
            case .send(let bytes): send(bytes, context)
            case .done(let rest):
                done.succeed()
                if !rest.isEmpty {
                    context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: rest)))
                }
                context.pipeline.syncOperations.removeHandler(self, promise: nil)
            }
        } catch {
            done.fail(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        done.fail(ClientError("closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        done.fail(error)
        context.close(promise: nil)
    }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
}
