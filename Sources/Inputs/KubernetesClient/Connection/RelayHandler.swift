import NIOCore

/// Hands on what one of two channels receives to the other, as fast as that one takes it.
final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    /// Of the last bytes that the other one was given.
    private var lastWrite: EventLoopFuture<Void>?

    private init(to other: any Channel) {
        self.other = other
    }

    /// Both channels run on one event loop, which calls this.
    static func join(_ first: any Channel, _ second: any Channel) throws {
        // From here on one reads only when the other can write.
        try second.syncOptions?.setOption(.autoRead, value: false)
        try first.pipeline.syncOperations.addHandler(RelayHandler(to: second))
        try second.pipeline.syncOperations.addHandler(RelayHandler(to: first))
        first.read()
        second.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastWrite = other.write(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        other.flush()
        if other.isWritable { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { other.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // The end of the input brings all that was received before it, however slowly the other
        // one takes it; closing at once would drop what waits. Writes end when the channel does.
        other.flush()
        guard let lastWrite else { return other.close(promise: nil) }
        lastWrite.whenComplete { [other] _ in other.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
