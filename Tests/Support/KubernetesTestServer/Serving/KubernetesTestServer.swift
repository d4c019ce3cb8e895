import Glibc
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization

/// An API server on a loopback port: lists and watches of a `TestCluster`, and faults on request.
package final class KubernetesTestServer: Sendable {
    private typealias HTTPChannel = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    private struct State {
        var options: ServerOptions
        var fault: @Sendable (ReceivedRequest) -> Fault? = { _ in nil }
        var requests: [ReceivedRequest] = []
        var listener: (any Channel)?
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let cluster: TestCluster
    private let pages = ListPages()
    private let served = ServedEvents()
    private let state: Mutex<State>

    package init(_ cluster: TestCluster, options: ServerOptions = ServerOptions()) {
        self.cluster = cluster
        state = Mutex(State(options: options))
    }

    /// Listens on a port, a free one if it is 0, and returns it. The port stays reserved while the
    /// server is stopped. Throws if the port is in use.
    @discardableResult
    package func start(port: Int = 0) async throws -> Int {
        let (tls, servesHTTP2) = state.withLock { ($0.options.tls, $0.options.servesHTTP2) }
        var configuration = tls
        if servesHTTP2 { configuration?.applicationProtocols = ["h2", "http/1.1"] }
        let context = try configuration.map { try NIOSSLContext(configuration: $0) }
        let bootstrap = ServerBootstrap(group: ServerLoops.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 256)
            .childChannelInitializer { channel in
                self.prepare(channel, context, servesHTTP2: servesHTTP2)
            }
        let listener = try await Self.bind(bootstrap, port)
        state.withLock { $0.listener = listener }
        return listener.localAddress?.port ?? 0
    }

    /// For so many hundredths of a second a port of its own may be held by others.
    private static let attempts = 3000

    private static func bind(_ bootstrap: ServerBootstrap, _ port: Int) async throws -> any Channel
    {
        for attempt in 1...attempts {
            do {
                let port = port == 0 ? ServerPorts.next() : port
                return try await bootstrap.bind(host: "127.0.0.1", port: port).get()
            } catch let error as IOError where error.errnoCode == EADDRINUSE && attempt < attempts {
                // A program that is being started has copies of all sockets until its exec, also of
                // the one that listened here.
                if port != 0 { try await Task.sleep(for: .milliseconds(10)) }
            }
        }
        preconditionFailure("the last attempt throws")
    }

    /// Closes everything at once.
    package func stop() async {
        let listener = state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        // Closing what is closed already does no harm.
        try? await listener?.close()
        dropConnections()
    }

    /// Closes all connections, but goes on listening.
    package func dropConnections() {
        for channel in state.withLock({ Array($0.channels.values) }) {
            channel.close(mode: .all, promise: nil)
        }
    }

    package func change(_ body: @Sendable (inout ServerOptions) -> Void) {
        state.withLock { body(&$0.options) }
    }

    /// From now on `choose` says what goes wrong with a request.
    package func setFault(_ choose: @escaping @Sendable (ReceivedRequest) -> Fault?) {
        state.withLock { $0.fault = choose }
    }

    package var requests: [ReceivedRequest] { state.withLock(\.requests) }

    /// What clients reported.
    package var events: [ServedEvent] { served.all }

    /// As servers do it after an hour.
    package func forgetEvents() { served.forget() }

    /// The open connections.
    package var connectionCount: Int { state.withLock { $0.channels.count } }

    // MARK: - Connections

    private func prepare(
        _ channel: any Channel,
        _ context: NIOSSLContext?,
        servesHTTP2: Bool
    ) -> EventLoopFuture<Void> {
        let number = ObjectIdentifier(channel)
        state.withLock { $0.channels[number] = channel }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { _ = $0.channels.removeValue(forKey: number) }
        }
        return channel.eventLoop.makeCompletedFuture {
            if let context {
                try channel.pipeline.syncOperations.addHandler(
                    NIOSSLServerHandler(context: context)
                )
            }
        }.flatMap {
            servesHTTP2 ? self.prepareHTTP2(channel) : self.prepareHTTP1(channel)
        }
    }

    private func prepareHTTP1(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
            try self.startServing(channel)
        }
    }

    private func prepareHTTP2(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.configureHTTP2SecureUpgrade(
            h2ChannelConfigurator: { channel in
                channel.configureHTTP2Pipeline(mode: .server) { stream in
                    stream.eventLoop.makeCompletedFuture {
                        try stream.pipeline.syncOperations.addHandler(
                            HTTP2FramePayloadToHTTP1ServerCodec()
                        )
                        try self.startServing(stream)
                    }
                }.map { _ in }
            },
            http1ChannelConfigurator: { self.prepareHTTP1($0) }
        )
    }

    private func startServing(_ channel: any Channel) throws {
        let wrapped = try HTTPChannel(wrappingChannelSynchronously: channel)
        Task(executorPreference: LoopExecutor(channel.eventLoop)) {
            // A client that goes away is what tests are about.
            try? await self.serve(wrapped)
        }
    }

    /// Answers one request after the other, and stops when the client goes away.
    private func serve(_ wrapped: HTTPChannel) async throws {
        try await wrapped.executeThenClose { inbound, outbound in
            let (requests, feed) = AsyncStream.makeStream(of: ReceivedRequest.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { feed.finish() }
                    var request: ReceivedRequest?
                    for try await part in inbound {
                        switch part {
                        case .head(let head): request = ReceivedRequest(head)
                        case .body(let piece): request?.body += piece.readableBytesView
                        case .end: if let request { feed.yield(request) }
                        }
                        // A stream of HTTP/2 carries one request, and its end is not the client's.
                    }
                    try await wrapped.channel.closeFuture.get()
                }
                group.addTask {
                    for await request in requests {
                        try await self.answer(request, outbound)
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        }
    }

    private func answer(
        _ request: ReceivedRequest,
        _ outbound: BodyWriter.Outbound
    ) async throws {
        let (options, choose) = state.withLock { state in
            state.requests.append(request)
            return (state.options, state.fault)
        }
        let resource = options.resources.first {
            request.collection == $0.path || request.objectName(in: $0) != nil
        }
        let encoder = AnswerEncoder(
            encoding: ServedEncoding(
                accept: request.headers["accept"] ?? "",
                served: options.encodings
            ) ?? .json,
            resource: resource ?? .services
        )
        if let known = options.authorizations,
            !known.contains(request.headers["authorization"] ?? "")
        {
            let status = ServedStatus(code: 401, reason: "Unauthorized", message: "Unauthorized")
            return try await Answer.sendStatus(status, encoder, outbound)
        }
        guard resource != nil || request.isForEvents else {
            let status = ServedStatus(code: 404, reason: "NotFound", message: "not found")
            return try await Answer.sendStatus(status, encoder, outbound)
        }
        let fault = choose(request)
        if fault == .drop { throw BodyWriter.Ending.drop }
        do {
            if fault == .stall { throw BodyWriter.Ending.stall }
            guard let resource else {
                return try await EventAnswer(
                    request: request,
                    encoder: encoder,
                    fault: fault,
                    events: served,
                    outbound: outbound
                ).send()
            }
            try await Answer(
                request: request,
                resource: resource,
                encoder: encoder,
                options: options,
                cluster: cluster,
                pages: pages,
                fault: fault,
                outbound: outbound
            ).send()
        } catch BodyWriter.Ending.stall {
            // Until the client gives up.
            try await Task.sleep(for: .seconds(86400))
        }
    }
}

extension ReceivedRequest {
    fileprivate init(_ head: HTTPRequestHead) {
        let parts = head.uri.split(separator: "?", maxSplits: 1)
        method = head.method.rawValue
        body = []
        path = parts.first.map(String.init) ?? "/"
        query = [:]
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[Self.unescaped(sides[0])] = sides.count > 1 ? Self.unescaped(sides[1]) : ""
        }
        headers = [:]
        for (name, value) in head.headers { headers[name.lowercased()] = value }
    }

    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"),
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
