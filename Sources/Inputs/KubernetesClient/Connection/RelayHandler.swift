import NIOCore

/// Forwards what one channel receives to another, at the speed of the receiver.
final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    /// The last write to the other channel.
    private var lastWrite: EventLoopFuture<Void>?

    private init(to other: any Channel) {
        self.other = other
    }

    /// Both channels run on one event loop, which calls this.
    static func join(_ first: any Channel, _ second: any Channel) throws {
        // From here on, one channel is read only when the other is writable.
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
        // Everything received before the end of the input still has to be delivered, however slow
        // the receiver; closing at once would drop it. Writes end with the channel.
        other.flush()
        guard let lastWrite else { return other.close(promise: nil) }
        lastWrite.whenComplete { [other] _ in other.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
