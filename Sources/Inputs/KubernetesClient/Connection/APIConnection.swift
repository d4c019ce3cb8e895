import Addressing
import AsyncHTTPClient
import KubernetesAPI
package import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

/// Requests to an API server that may have several addresses: with credentials, within a rate, and
/// with an end to waiting.
package actor APIConnection {
    package struct Settings: Sendable {
        package var contentType = APIContentType.protobuf
        /// Requests a second in the long run.
        package var rate = 5.0
        /// Requests at once.
        package var burst = 10
        /// For a connection to come about, TLS included; real time, not `Timebase`.
        package var connectTimeout = Duration.seconds(10)
        /// For the head of an answer.
        package var headLimit = Duration.seconds(30)
        package var userAgent = "fairlead"
        /// Told of each request when it has ended, a watch as soon as it is answered.
        package var observe: @Sendable (RequestOutcome) -> Void = { _ in }

        package init() {}
    }

    /// The longest a server may ask us to wait.
    private static let longestRetryAfter = 120
    /// How long what was found out about a certificate counts.
    private static let diagnosisLifetime = Duration.seconds(60)
    /// More of an error's text is not read.
    private static let statusLimit = 64 << 10

    private let access: ClusterAccess
    private let settings: Settings
    private let time: Timebase
    private let logger: Logger
    private let provider: CredentialProvider
    private let limiter: RequestLimiter
    private var pool = ClientPool()
    /// The ways through proxies, made when they are first needed.
    private var tunnels: [ServerAddress: Task<ProxyTunnel, any Error>] = [:]
    /// The last that was found out about a certificate, which takes a connection.
    private var diagnosis: (of: ClientPool.Key, at: Duration, words: String)?
    private var position = 0
    private var isClosed = false

    /// `environment` is our own, for credential plugins.
    package init(
        _ access: ClusterAccess,
        settings: Settings = Settings(),
        environment: [String: String] = [:],
        time: Timebase = .standard,
        logger: Logger
    ) {
        self.access = access
        self.settings = settings
        self.time = time
        self.logger = logger
        provider = CredentialProvider(access, environment: environment, logger: logger)
        limiter = RequestLimiter(rate: settings.rate, burst: settings.burst, time: time)
    }

    /// Where the next request goes first.
    package var server: ServerAddress { access.servers[position] }

    /// Sends a request and gives the body of a good answer to `use`.
    ///
    /// A server that gives no answer is left for the next one, each tried once. Credentials that are
    /// refused are renewed once. Throws `APIStatus` for an answer that is not 200 or 201,
    /// `ConnectionFailure` when there was none, and what comes of reading the body. One that writes
    /// may have been carried out without an answer, and is then sent again.
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
            } catch let failure as ConnectionFailure {
                leave(server)
                failures += 1
                guard failures < access.servers.count else { throw failure }
                logger.notice(
                    "API server does not answer, trying the next",
                    metadata: [
                        "server": "\(server)", "reason": "\(failure.reason)",
                        "next": "\(self.server)",
                    ]
                )
            }
        }
    }

    /// Lets the next request go to the server after `server`, unless somebody moved on before.
    package func leave(_ server: ServerAddress) {
        guard self.server == server else { return }
        position = (position + 1) % access.servers.count
    }

    /// Ends all requests; later ones fail.
    package func close() async {
        isClosed = true
        for client in pool.removeAll() {
            // All that can fail is to have been shut down before.
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

    /// Why there was no answer, in words.
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

    /// Nil where no proxy is in between.
    private func tunnel(
        to server: ServerAddress,
        _ credentials: Credentials
    ) async throws -> ProxyTunnel? {
        guard !isClosed, let proxy = access.proxy(for: server) else { return nil }
        let tls = { [access] () throws(ClientError) in
            proxy.kind == .https ? try TLSConfiguration.proxy(access, credentials) : nil
        }
        if let running = tunnels[server], let tunnel = try? await running.value {
            // Bad certificates leave the tunnel those it has; `client` logs them.
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

    /// Less for each of several servers, so that one that came back has not to wait until all that
    /// are dead have been tried at length.
    private var connectTimeout: TimeAmount {
        let share = settings.connectTimeout / access.servers.count
        let timeout = min(settings.connectTimeout, max(.seconds(3), share))
        return .milliseconds(timeout.wholeMilliseconds)
    }

    /// Bad certificates do not take away a client that works.
    private func client(
        for server: ServerAddress,
        _ credentials: Credentials,
        isTunnelled: Bool
    ) throws(ClientError) -> (HTTPClient, ClientPool.Key) {
        guard !isClosed else { throw ClientError("the connection is closed") }
        let key = ClientPool.Key(server, credentials)
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
            logger.warning("Certificates kept", metadata: ["reason": "\(error)"])
            return (try pool.lease(old, make), old)
        }
    }

    private func message(
        _ request: APIRequest,
        to server: ServerAddress,
        by tunnel: ProxyTunnel?,
        _ credentials: Credentials
    ) -> HTTPClientRequest {
        // The client takes the name for TLS from the URL, and connects where it is told to.
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
        // A body that can't be read leaves what the head says.
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
