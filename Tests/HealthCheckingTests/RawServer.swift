import Addressing
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// A server on loopback that does one thing to every connection, proper or not.
final class RawServer: Sendable {
    enum Conduct: Sendable {
        /// Accepts and is silent.
        case hang
        /// Closes at the first bytes.
        case close
        /// The same with a reset.
        case reset
        /// Sends a text after a while.
        case answer(String, after: Duration = .zero)
        /// Sends a beginning, and then a piece again and again.
        case endless(String, String)
    }

    let socket: Addressing.SocketAddress
    private let channel: any Channel
    /// An element for each connection whose client has sent something.
    private let (asked, ask) = AsyncStream<Void>.makeStream()

    init(_ conduct: Conduct, tls: NIOSSLContext? = nil) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { [ask] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLServerHandler(context: tls)
                        )
                    }
                    try channel.pipeline.syncOperations.addHandler(Handler(conduct, ask))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let port = try #require(channel.localAddress?.port.flatMap { PortNumber($0) })
        socket = Addressing.SocketAddress(IPAddress(ipv4: 0x7f00_0001), port)
    }

    /// Waits until a client has sent something.
    func isAsked() async { for await _ in asked { return } }

    func stop() async throws { try await channel.close() }

    deinit { channel.close(promise: nil) }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let conduct: Conduct
        private let ask: AsyncStream<Void>.Continuation
        private var hasActed = false

        init(_ conduct: Conduct, _ ask: AsyncStream<Void>.Continuation) {
            self.conduct = conduct
            self.ask = ask
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !hasActed else { return }
            hasActed = true
            ask.yield()
            switch conduct {
            case .hang: break
            case .close: context.close(promise: nil)
            case .reset:
                let channel = context.channel
                (channel as? any SocketOptionProvider)?
                    .setSoLinger(linger(l_onoff: 1, l_linger: 0))
                    .whenComplete { _ in channel.close(promise: nil) }
            case .answer(let text, let delay):
                let channel = context.channel
                channel.eventLoop.scheduleTask(in: TimeAmount(delay)) {
                    channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
                }
            case .endless(let start, let piece):
                Self.send(start, then: piece, context.channel)
            }
        }

        /// Until the other side has enough.
        private static func send(_ text: String, then piece: String, _ channel: any Channel) {
            channel.writeAndFlush(ByteBuffer(string: text)).whenSuccess {
                send(piece, then: piece, channel)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
