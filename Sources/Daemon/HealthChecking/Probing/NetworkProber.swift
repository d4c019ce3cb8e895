import Addressing
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ServiceModel

/// Probes over the network, all from one thread.
///
/// A thread belongs to a network namespace, and so does every socket it opens: all are opened on
/// the thread that `init` has prepared.
package final class NetworkProber: Prober {
    private let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let contexts: TLSContexts

    /// `caFile` holds PEM certificates to trust instead of the system's; nil trusts the system's.
    /// `prepareThread` runs first on the thread that opens the sockets, for instance to enter a
    /// namespace permanently; its error is thrown.
    package init(
        caFile: String? = nil,
        prepareThread: @escaping @Sendable () throws -> Void = {}
    ) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        contexts = TLSContexts(caFile: caFile)
        do {
            try await loop.submit(prepareThread).get()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    deinit {
        group.shutdownGracefully { _ in }
    }

    /// Rereads the certificates, from `caFile` as it is now configured.
    package func reconfigure(caFile: String?) {
        contexts.reset(caFile: caFile)
    }

    package func probe(_ target: HealthTarget) async -> ProbeResult {
        let context: NIOSSLContext?
        let remote: NIOCore.SocketAddress
        do {
            context = try target.probe.tls.map { try contexts.context(verifies: $0.verifies) }
            remote = try target.socket.remote
        } catch {
            return .impossible(reason: ProbeText.describe(error))
        }
        let attempt = ProbeAttempt(loop)
        return await withTaskCancellationHandler {
            attempt.begin(target, remote, context)
            // The underlying promise never fails.
            return (try? await attempt.result.get()) ?? .impossible(reason: "cancelled")
        } onCancel: {
            attempt.end(.impossible(reason: "cancelled"))
        }
    }
}

/// One probe: the first outcome settles it and closes the connection.
private final class ProbeAttempt: Sendable {
    private enum State {
        case begun
        case connecting(any Channel)
        case settled
    }

    private let loop: any EventLoop
    private let promise: EventLoopPromise<ProbeResult>
    /// Used on the event loop only.
    private let state: NIOLoopBoundBox<State>

    init(_ loop: any EventLoop) {
        self.loop = loop
        promise = loop.makePromise()
        state = .makeBoxSendingValue(.begun, eventLoop: loop)
    }

    var result: EventLoopFuture<ProbeResult> { promise.futureResult }

    func end(_ result: ProbeResult) {
        loop.execute {
            if case .settled = self.state.value { return }
            if case .connecting(let channel) = self.state.value { channel.close(promise: nil) }
            self.state.value = .settled
            self.promise.succeed(result)
        }
    }

    /// Everything runs on the loop's thread, including opening the socket.
    func begin(
        _ target: HealthTarget,
        _ remote: NIOCore.SocketAddress,
        _ context: NIOSSLContext?
    ) {
        loop.execute {
            // Cancelled before it began.
            if case .settled = self.state.value { return }
            let timeout = TimeAmount(target.timing.timeout)
            let alarm = self.loop.scheduleTask(in: timeout) {
                self.end(.failed(reason: "no response within \(target.timing.timeout)"))
            }
            self.promise.futureResult.whenComplete { _ in alarm.cancel() }
            ClientBootstrap(group: self.loop)
                // The timeout above decides, and closes a connection still being established.
                .connectTimeout(timeout + .seconds(1))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        self.state.value = .connecting(channel)
                        try self.configure(channel, target, context)
                    }
                }
                .connect(to: remote)
                .whenComplete { self.connected($0, target) }
        }
    }

    private func connected(_ outcome: Result<any Channel, any Error>, _ target: HealthTarget) {
        switch outcome {
        case .failure(let error): end(ProbeText.result(of: error))
        case .success where target.probe == .tcp: end(.passed)
        case .success: break
        }
    }

    private func configure(
        _ channel: any Channel,
        _ target: HealthTarget,
        _ context: NIOSSLContext?
    ) throws {
        guard let request = target.probe.request else { return }
        let pipeline = channel.pipeline.syncOperations
        if let context {
            try pipeline.addHandler(
                NIOSSLClientHandler(context: context, serverHostname: target.probe.tls?.serverName)
            )
        }
        try pipeline.addHandler(ByteLimit())
        try pipeline.addHTTPClientHandlers()
        try pipeline.addHandler(
            ResponseChecker(request, host: request.host ?? target.socket.description) {
                self.end($0)
            }
        )
    }
}

extension HealthCheck.Probe {
    fileprivate var request: HealthCheck.Request? {
        switch self {
        case .tcp: nil
        case .http(let request), .https(let request, _): request
        }
    }

    fileprivate var tls: HealthCheck.TLS? {
        guard case .https(_, let tls) = self else { return nil }
        return tls
    }
}

extension Addressing.SocketAddress {
    fileprivate var remote: NIOCore.SocketAddress {
        get throws {
            try NIOCore.SocketAddress(
                packedIPAddress: ByteBuffer(bytes: address.bytes),
                port: Int(port.value)
            )
        }
    }
}
