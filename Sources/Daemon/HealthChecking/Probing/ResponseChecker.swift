import NIOCore
import NIOHTTP1
import ServiceModel

/// Sends one request and judges the response by its status; the rest of it is ignored.
final class ResponseChecker: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: HealthCheck.Request
    private let host: String
    private let settle: (ProbeResult) -> Void

    /// `settle` may be called more than once; the first call wins.
    init(
        _ request: HealthCheck.Request,
        host: String,
        settle: @escaping (ProbeResult) -> Void
    ) {
        self.request = request
        self.host = host
        self.settle = settle
    }

    func channelActive(context: ChannelHandlerContext) {
        let head = HTTPRequestHead(
            version: .http1_1,
            method: .GET,
            uri: request.path,
            headers: [
                "Host": host, "User-Agent": "fairlead-health-check", "Accept": "*/*",
                "Connection": "close",
            ]
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        let status = Int(head.status.code)
        let passes = request.statuses.contains { $0.contains(status) }
        settle(passes ? .passed : .failed(reason: "response status \(status)"))
    }

    func channelInactive(context: ChannelHandlerContext) {
        settle(.failed(reason: "closed the connection without a response"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        settle(ProbeText.result(of: error))
    }
}

/// Limits the bytes of a response; the limit is more than legitimate headers need.
final class ByteLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    static let maximum = 64 << 10
    private var passed = 0

    /// The limit was exceeded.
    struct Exceeded: Error {}

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        passed += unwrapInboundIn(data).readableBytes
        guard passed <= Self.maximum else {
            context.fireErrorCaught(Exceeded())
            return
        }
        context.fireChannelRead(data)
    }
}
