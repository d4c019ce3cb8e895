import NIOCore
import NIOHTTP1
import NIOPosix

/// Serves HTTP/1.1 on sockets it is given, on a thread of its own.
///
/// A client can hold a connection, a few kilobytes and one response for a bounded time, and no more.
package final class HTTPServer: Sendable {
    /// Limits on what clients can use.
    package struct Limits: Sendable {
        /// Open connections of all listeners of a kind together, each of them a file descriptor. A further one
        /// takes the place of that which has waited longest for its client.
        package var connections = 64
        /// Bytes of responses that clients have not read. Beyond them, the connections that have waited
        /// longest are closed; one response may always be larger.
        package var unreadBytes = 64 << 20
        /// Size of a request body, which is discarded.
        package var bodyBytes = 64 << 10
        /// From the first byte to the end of a request.
        package var receiving = Duration.seconds(10)
        /// Before the first request, and between two requests.
        package var idle = Duration.seconds(90)
        /// From a request to the last byte of its response.
        package var answering = Duration.seconds(30)

        package init() {}
    }

    private let group: MultiThreadedEventLoopGroup
    private let limits: Limits
    private let connections: OpenConnections

    package init(limits: Limits = Limits()) {
        self.limits = limits
        connections = OpenConnections(limits)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    }

    /// Serves on `descriptor`, a listening socket that the server owns from now on. Listeners of one `kind` share
    /// their connections.
    package func serve(
        _ descriptor: Int32,
        kind: String,
        _ answer: @escaping HTTPAnswer
    ) async throws -> HTTPListener {
        let bootstrap = ServerBootstrap(group: group)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [limits, connections] channel in
                connections.enter(channel, kind: kind)
                channel.closeFuture.whenComplete { _ in connections.leave(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withPipeliningAssistance: true,
                        withErrorHandling: true
                    )
                    try channel.pipeline.syncOperations.addHandler(
                        HTTPConnection(limits, connections, answer)
                    )
                }
            }
        return HTTPListener(try await bootstrap.withBoundSocket(descriptor).get())
    }

    /// Closes all listeners and connections.
    package func stop() async {
        // A thread that does not end cannot be helped.
        try? await group.shutdownGracefully()
    }
}

/// A socket being served.
package struct HTTPListener: Sendable {
    private let channel: any Channel

    init(_ channel: any Channel) {
        self.channel = channel
    }

    /// Stops listening. Open connections continue until they end or become idle.
    package func close() async {
        // It may be closed already.
        try? await channel.close().get()
    }
}
