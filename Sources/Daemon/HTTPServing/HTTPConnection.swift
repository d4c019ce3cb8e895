import NIOCore
import NIOHTTP1

/// One client's connection: requests one after another, each with a time limit.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        case receiving(HTTPRequestHead, bodyBytes: Int)
        case answering
        case closed
    }

    private let limits: HTTPServer.Limits
    private let connections: OpenConnections
    private let answer: HTTPAnswer
    private var state = State.idle
    private var deadline: Scheduled<Void>?

    init(
        _ limits: HTTPServer.Limits,
        _ connections: OpenConnections,
        _ answer: @escaping HTTPAnswer
    ) {
        self.limits = limits
        self.connections = connections
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        // The first request has the same limit as the rest of it.
        expect(within: limits.receiving, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Client errors are not worth a log line.
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .idle):
            state = .receiving(head, bodyBytes: 0)
            expect(within: limits.receiving, context)
        case (.body(let bytes), .receiving(let head, let count)):
            let count = count + bytes.readableBytes
            guard count <= limits.bodyBytes else { return context.close(promise: nil) }
            state = .receiving(head, bodyBytes: count)
        case (.end, .receiving(let head, _)):
            state = .answering
            connections.expectsAnswer(context.channel)
            expect(within: limits.answering, context)
            respond(to: head, context)
        default: break
        }
    }

    /// Closes the connection unless called again in time.
    private func expect(within limit: Duration, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) {
            context.close(promise: nil)
        }
    }

    private func respond(to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let request = HTTPRequest(head)
        let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        Task { [answer, loop = context.eventLoop] in
            let response = await answer(request)
            loop.execute {
                let (connection, context) = here.value
                connection.send(response, to: head, context)
            }
        }
    }

    private func send(
        _ response: HTTPResponse,
        to request: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) {
        guard case .answering = state else { return }
        var head = HTTPResponseHead(
            version: request.version,
            status: HTTPResponseStatus(statusCode: response.status)
        )
        for header in response.headers { head.headers.add(name: header.name, value: header.value) }
        let body = ByteBuffer(string: response.body)
        head.headers.add(name: "Content-Length", value: "\(body.readableBytes)")
        if !request.isKeepAlive { head.headers.add(name: "Connection", value: "close") }
        connections.sends(body.readableBytes, context.channel)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        let content = request.method == .HEAD ? ByteBuffer() : body
        let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(content)))).whenComplete { result in
            let (connection, context) = here.value
            guard case .success = result else { return context.close(promise: nil) }
            connection.end(request, context)
        }
    }

    /// Ends a response whose last byte the client's side of the connection has taken. A waiting
    /// pipelined request is delivered at once then, not before: else a client that sends requests and
    /// reads nothing would have all its responses in memory.
    private func end(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard case .answering = state else { return }
        connections.hasRead(context.channel)
        state = .idle
        expect(within: limits.idle, context)
        let here = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { result in
            guard case .success = result, request.isKeepAlive else {
                return here.value.close(promise: nil)
            }
        }
    }
}

extension HTTPRequest {
    fileprivate init(_ head: HTTPRequestHead) {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var query: [String: String] = [:]
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = sides.count > 1 ? Self.decoded(sides[1]) : ""
            query[Self.decoded(sides[0]), default: value] = query[Self.decoded(sides[0])] ?? value
        }
        self.init(
            method: head.method.rawValue,
            path: Self.decoded(parts[0]),
            query: query,
            accept: head.headers["Accept"].joined(separator: ",")
        )
    }

    /// Decodes percent-encoding (RFC 3986, 2.1); invalid codes stay as they are.
    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
