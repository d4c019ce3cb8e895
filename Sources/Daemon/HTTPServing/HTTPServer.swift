import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Answers HTTP/1.1 on sockets it is handed, on a thread of its own.
///
/// A client can hold a connection and a few kilobytes, for a bounded time; no more.
package final class HTTPServer: Sendable {
    /// What clients may take up.
    package struct Limits: Sendable {
        /// Open connections of one listener; further ones are closed at once.
        package var connections = 256
        /// A body, which is not used anyway.
        package var bodyBytes = 64 << 10
        /// From the first byte to the end of a request.
        package var receiving = Duration.seconds(10)
        /// Until the first request, and between two.
        package var idle = Duration.seconds(90)
        /// From a request to the last byte of its answer.
        package var answering = Duration.seconds(30)

        package init() {}
    }

    private let group: MultiThreadedEventLoopGroup
    private let limits: Limits

    package init(limits: Limits = Limits()) {
        self.limits = limits
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    }

    /// Answers on `descriptor`, a socket that listens already, which the server owns from now on.
    package func serve(_ descriptor: Int32, _ answer: @escaping HTTPAnswer) async throws
        -> HTTPListener
    {
        let count = ConnectionCount(limit: limits.connections)
        let bootstrap = ServerBootstrap(group: group)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [limits] channel in
                guard count.enter() else { return channel.close() }
                channel.closeFuture.whenComplete { _ in count.leave() }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withPipeliningAssistance: true,
                        withErrorHandling: true
                    )
                    try channel.pipeline.syncOperations.addHandler(
                        HTTPConnection(limits, answer)
                    )
                }
            }
        return HTTPListener(try await bootstrap.withBoundSocket(descriptor).get())
    }

    /// Closes everything.
    package func stop() async {
        // There is nothing to do about a thread that does not end.
        try? await group.shutdownGracefully()
    }
}

/// A socket that is being answered on.
package struct HTTPListener: Sendable {
    private let channel: any Channel

    init(_ channel: any Channel) {
        self.channel = channel
    }

    /// Stops listening. Connections live on until they end or run idle.
    package func close() async {
        // Closed already is as good.
        try? await channel.close().get()
    }
}

/// Open connections of one listener.
private final class ConnectionCount: Sendable {
    private let limit: Int
    private let count = Atomic(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// False if there are enough; else `leave` is due in the end.
    func enter() -> Bool {
        guard count.add(1, ordering: .relaxed).newValue <= limit else {
            leave()
            return false
        }
        return true
    }

    func leave() { count.subtract(1, ordering: .relaxed) }
}
