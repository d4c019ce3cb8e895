import Addressing
import AsyncHTTPClient
package import KubernetesAPI
package import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

/// Sends requests to an API server that may have several addresses, with credentials, a rate limit
/// and timeouts.
package actor APIConnection {
    package struct Settings: Sendable {
        package var contentType = APIMediaType.protobuf
        /// Requests per second in the long run.
        package var rate = 5.0
        /// Requests in one burst.
        package var burst = 10
        /// Timeout to connect, TLS included; real time, not `Timebase`.
        package var connectTimeout = Duration.seconds(10)
        /// Timeout for the response headers.
        package var headLimit = Duration.seconds(30)
        package var userAgent = "fairlead"
        /// Called when a request has ended, or as soon as a watch is answered.
        package var observe: @Sendable (RequestOutcome) -> Void = { _ in }

        package init() {}
    }

    /// The longest accepted `Retry-After`, in seconds.
    private static let longestRetryAfter = 120
    /// How long the diagnosis of a certificate is reused.
    private static let diagnosisLifetime = Duration.seconds(60)
    /// Between two readings of the access.
    private static let readingInterval = Duration.seconds(1)
    /// The rest of an error body is not read.
    private static let statusLimit = 64 << 10

    private var access: ClusterAccess
    /// Reads what `access` was made from again; nil if it is given.
    private let reread: (@Sendable () throws(ClientError) -> ClusterAccess)?
    /// Grows when `access` changes.
    private var generation = 0
    private var lastReading: Duration?
    /// Why it could not be read the last time.
    private var readingProblem: String?
    private let settings: Settings
    private let time: Timebase
    private let logger: Logger
    private let provider: CredentialProvider
    private let limiter: RequestLimiter
    private var pool = ClientPool()
    /// The tunnels through proxies, opened when first needed.
    private var tunnels: [ServerAddress: Task<ProxyTunnel, any Error>] = [:]
    /// The last certificate diagnosis; each needs a connection of its own.
    private var diagnosis: (of: ClientPool.Key, at: Duration, words: String)?
    private var position = 0
    private var isClosed = false

    /// `environment` is this process's, for credential plugins. `reread` is called when the server refuses the
    /// credentials or does not answer, and by `renewAccess`.
    package init(
        _ access: ClusterAccess,
        reread: (@Sendable () throws(ClientError) -> ClusterAccess)? = nil,
        settings: Settings = Settings(),
        environment: [String: String] = [:],
        time: Timebase = .standard,
        logger: Logger
    ) {
        self.access = access
        self.reread = reread
        self.settings = settings
        self.time = time
        self.logger = logger
        provider = CredentialProvider(access, environment: environment, logger: logger)
        limiter = RequestLimiter(rate: settings.rate, burst: settings.burst, time: time)
    }

    /// The server to which the next request is sent first.
    package var server: ServerAddress { access.servers[position] }

    /// Sends a request and passes the body of a successful response to `use`.
    ///
    /// If a server does not respond, the next one is tried, each once. Rejected credentials are
    /// renewed once. Throws `APIStatus` for a status other than 200 or 201, `ConnectionFailure`
    /// without a response, and errors from reading the body. A request that writes may have been
    /// carried out although its response was lost, and is then sent again.
    package func send<Result: Sendable>(
        _ request: APIRequest,
        _ use: @escaping @Sendable (APIBody) async throws -> Result
    ) async throws -> Result {
        var renewed = false
        var failures = 0
        while true {
            let isFree = request.continuesAnswer && failures == 0
            let heldBack = isFree ? .zero : try await limiter.admit()
            let credentials = try await provider.current()
            let server = server
            do {
                return try await attempt(request, to: server, credentials, heldBack, use)
            } catch let status as APIStatus where status.code == 401 && !renewed {
                renewed = true
                await provider.refused(credentials)
                await renewAccessIfDue()
            } catch let failure as ConnectionFailure {
                leave(server)
                failures += 1
                // It may be the certificate that is too old.
                await renewAccessIfDue()
                guard failures < access.servers.count else { throw failure }
                logger.notice(
                    "API server not responding, trying the next one",
                    metadata: [
                        "server": "\(server)", "reason": "\(failure.reason)",
                        "next": "\(self.server)",
                    ]
                )
            }
        }
    }

    /// Sends the next request to the server after `server`, unless another caller has moved on
    /// already.
    package func leave(_ server: ServerAddress) {
        guard self.server == server else { return }
        position = (position + 1) % access.servers.count
    }

    private func renewAccessIfDue() async {
        if let lastReading, time.now - lastReading < Self.readingInterval { return }
        await renewAccess()
    }

    /// Reads again how to reach the servers, and as whom. The next request uses what has changed; running ones go on.
    /// What cannot be used changes nothing.
    package func renewAccess() async {
        guard let reread, !isClosed else { return }
        lastReading = time.now
        do throws(ClientError) {
            let new = try reread()
            readingProblem = nil
            guard new != access else { return }
            logger.notice("Access to the API server has changed", metadata: ["by": "\(new.origin)"])
            let isOtherProxy =
                new.proxy != access.proxy || new.environmentProxies != access.environmentProxies
            let closing = isOtherProxy ? Array(tunnels.values) : []
            if isOtherProxy { tunnels = [:] }
            access = new
            (position, generation) = (0, generation + 1)
            await provider.use(new)
            for tunnel in closing { await (try? tunnel.value)?.close() }
        } catch {
            guard readingProblem != error.description else { return }
            readingProblem = error.description
            logger.warning(
                "Failed to read the access to the API server, keeping the previous one",
                metadata: ["reason": "\(error)"]
            )
        }
    }

    /// Cancels all requests; later ones fail.
    package func close() async {
        isClosed = true
        await provider.close()
        for client in pool.removeAll() {
            // The only possible error is that it was shut down before.
            try? await client.shutdown()
        }
        let tunnels = tunnels.values
        self.tunnels = [:]
        for tunnel in tunnels { await (try? tunnel.value)?.close() }
    }

    // MARK: - One request to one server

    private func attempt<Result: Sendable>(
        _ request: APIRequest,
        to server: ServerAddress,
        _ credentials: Credentials,
        _ heldBack: Duration,
        _ use: @escaping @Sendable (APIBody) async throws -> Result
    ) async throws -> Result {
        let tunnel = try await tunnel(to: server, credentials)
        let (client, key) = try client(for: server, credentials, isTunnelled: tunnel != nil)
        defer { pool.release(key) }
        let message = message(request, to: server, by: tunnel, credentials)
        let activity = Activity(time, limit: settings.headLimit)
        let account = RequestAccount(request, to: server, heldBack, settings.observe)
        defer { account.close(receivedBytes: activity.bytes) }
        do {
            return try await activity.guarding {
                let response = try await client.execute(message, deadline: .distantFuture)
                account.answered(response.status.code)
                activity.note()
                let type = response.headers.first(name: "content-type") ?? ""
                guard response.status == .ok || response.status == .created else {
                    throw await Self.status(of: response, contentType: type)
                }
                guard let mediaType = APIMediaType(contentType: type) else {
                    throw ClientError("\(server): answers with \(shortText(ClientError(type)))")
                }
                activity.extend(to: request.idleLimit)
                let body = APIBody(
                    server: server,
                    mediaType: mediaType,
                    chunks: response.body,
                    activity: activity
                )
                return try await use(body)
            }
        } catch {
            try Task.checkCancellation()
            if !account.isAnswered {
                let reason = await reason(error, key, credentials, tunnel)
                throw ConnectionFailure(server: server, reason: reason)
            }
            throw error
        }
    }

    /// Why there was no response, for messages.
    private func reason(
        _ error: any Error,
        _ key: ClientPool.Key,
        _ credentials: Credentials,
        _ tunnel: ProxyTunnel?
    ) async -> String {
        if let failure = tunnel?.takeFailure() { return failure }
        guard let kind = CertificateProblem.kind(of: error) else { return shortText(error) }
        if let diagnosis, diagnosis.of == key, time.now - diagnosis.at < Self.diagnosisLifetime {
            return diagnosis.words
        }
        let name = access.serverName ?? key.server.host
        let shown = await CertificateProblem.certificates(
            host: tunnel == nil ? key.server.host : "127.0.0.1",
            port: tunnel?.port ?? key.server.port,
            name: name
        )
        let words = CertificateProblem(
            kind: kind,
            certificate: shown.first,
            name: name,
            authorities: (try? TLSConfiguration.authorities(access, credentials)) ?? [],
            trust: access.trust
        ).words
        diagnosis = (key, time.now, words)
        return words
    }

    /// Nil without a proxy.
    private func tunnel(
        to server: ServerAddress,
        _ credentials: Credentials
    ) async throws -> ProxyTunnel? {
        guard !isClosed, let proxy = access.proxy(for: server) else { return nil }
        let tls = { [access] () throws(ClientError) in
            proxy.kind == .https ? try TLSConfiguration.proxy(access, credentials) : nil
        }
        if let running = tunnels[server], let tunnel = try? await running.value {
            // Without valid certificates the tunnel keeps its present ones; `client` logs the
            // error.
            if let tls = try? tls() { tunnel.trust(tls) }
            return tunnel
        }
        let first = try tls()
        let (timeout, trust) = (connectTimeout, access.trust)
        let opening = Task {
            try await ProxyTunnel.open(
                to: server,
                by: proxy,
                tls: first,
                trust: "\(trust), and the system's certificate authorities",
                timeout: timeout
            )
        }
        tunnels[server] = opening
        return try await opening.value
    }

    /// Shorter for each of several servers, so that a server that is back is reached before all
    /// dead ones have used up the full timeout.
    private var connectTimeout: TimeAmount {
        let share = settings.connectTimeout / access.servers.count
        let timeout = min(settings.connectTimeout, max(.seconds(3), share))
        return .milliseconds(timeout.wholeMilliseconds)
    }

    /// Invalid certificates must not replace a working client.
    private func client(
        for server: ServerAddress,
        _ credentials: Credentials,
        isTunnelled: Bool
    ) throws(ClientError) -> (HTTPClient, ClientPool.Key) {
        guard !isClosed else { throw ClientError("the connection is closed") }
        let key = ClientPool.Key(server, credentials, generation)
        let make = { [access, connectTimeout] () throws(ClientError) in
            try HTTPClient.connecting(
                to: server,
                access,
                credentials,
                isTunnelled: isTunnelled,
                connectTimeout: connectTimeout
            )
        }
        do throws(ClientError) {
            return (try pool.lease(key, make), key)
        } catch {
            guard let old = pool.newestKey(for: server) else { throw error }
            logger.warning(
                "Failed to load certificates, keeping the previous ones",
                metadata: ["reason": "\(error)"]
            )
            return (try pool.lease(old, make), old)
        }
    }

    private func message(
        _ request: APIRequest,
        to server: ServerAddress,
        by tunnel: ProxyTunnel?,
        _ credentials: Credentials
    ) -> HTTPClientRequest {
        // The client takes the TLS name from the URL, and connects to the address it is given.
        var named = server
        named.host = access.serverName ?? server.host
        if let tunnel {
            named.port = tunnel.port
            if IPAddress(named.host) != nil { named.host = "127.0.0.1" }
        }
        var message = HTTPClientRequest(url: "\(named)\(request.target)")
        message.headers.add(name: "host", value: server.authority)
        message.headers.add(name: "user-agent", value: settings.userAgent)
        message.headers.add(
            name: "accept",
            value: settings.contentType.accept(isWatch: request.isWatch)
        )
        if let header = credentials.header {
            message.headers.add(name: "authorization", value: header.reveal())
        }
        if let content = request.content {
            message.method = HTTPMethod(rawValue: content.method.rawValue)
            message.headers.add(name: "content-type", value: content.type)
            message.body = .bytes(content.bytes)
        }
        return message
    }

    private static func status(
        of response: HTTPClientResponse,
        contentType: String
    ) async -> APIStatus {
        // Without a readable body, the status code has to do.
        let body = (try? await response.body.collect(upTo: statusLimit)) ?? ByteBuffer()
        let decoded = APIMediaType(contentType: contentType).flatMap {
            decodeStatus(Array(body.readableBytesView), mediaType: $0)
        }
        let code = Int(response.status.code)
        var status = decoded ?? APIStatus(code: code, message: response.status.reasonPhrase)
        if status.code == 0 { status.code = code }
        if let text = response.headers.first(name: "retry-after"), let seconds = Int(text) {
            status.retryAfterSeconds = seconds
        }
        status.retryAfterSeconds = status.retryAfterSeconds.map {
            min(max($0, 0), longestRetryAfter)
        }
        return status
    }
}

extension Duration {
    /// Rounded down.
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
