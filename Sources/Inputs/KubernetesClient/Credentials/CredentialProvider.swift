import FoundationEssentials
import Logging
import PrintableText

/// The credentials of a request at one moment.
struct Credentials: Sendable, Hashable {
    /// The value of the `Authorization` header.
    var header: Secret?
    var authority: Secret?
    var certificate: Secret?
    var key: Secret?
}

/// Rereads rotated files and runs credential plugins, and caches the results while they are valid.
actor CredentialProvider {
    /// Time limit of a plugin.
    static let pluginTimeout = Duration.seconds(60)

    private var access: ClusterAccess
    private let environment: [String: String]
    private let pluginTimeout: Duration
    private let now: @Sendable () -> Date
    private let logger: Logger
    private var lastGood: [PEMSource: Secret] = [:]
    private var pluginGave: ExecCredential?
    private var pluginRun: Task<Result<ExecCredential, ClientError>, Never>?
    private var isClosed = false

    /// `environment` is this process's, for plugins; `now` is the wall clock.
    init(
        _ access: ClusterAccess,
        environment: [String: String],
        pluginTimeout: Duration = pluginTimeout,
        now: @escaping @Sendable () -> Date = { Date() },
        logger: Logger
    ) {
        self.access = access
        self.environment = environment
        self.pluginTimeout = pluginTimeout
        self.now = now
        self.logger = logger
    }

    /// The credentials valid now.
    func current() async throws(ClientError) -> Credentials {
        var result = Credentials()
        result.authority = try access.authority.map { (source) throws(ClientError) in
            try read(source)
        }
        result.certificate = try access.certificate.map { (source) throws(ClientError) in
            try read(source)
        }
        result.key = try access.key.map { (source) throws(ClientError) in try read(source) }
        switch access.authorization {
        case .none: break
        case .token(let token): result.header = try Self.bearer(token)
        case .tokenFile(let path): result.header = try Self.bearer(read(.file(path)))
        case .basic(let userName, let password):
            let both = Data("\(userName):\(password.reveal())".utf8)
            result.header = Secret("Basic \(both.base64EncodedString())")
        case .plugin(let plugin):
            let credential = try await credential(of: plugin)
            result.header = try credential.token.map { (token) throws(ClientError) in
                try Self.bearer(token)
            }
            if let certificate = credential.certificate {
                (result.certificate, result.key) = (certificate, credential.key)
            }
        }
        return result
    }

    /// The server rejected these: the plugin that supplied them runs again.
    func refused(_ credentials: Credentials) {
        guard let gave = pluginGave else { return }
        if let token = gave.token {
            if (try? Self.bearer(token)) == credentials.header { pluginGave = nil }
        } else if gave.certificate == credentials.certificate {
            pluginGave = nil
        }
    }

    /// Takes the credentials of another access from now on. What a plugin gave for the former one is forgotten.
    func use(_ access: ClusterAccess) {
        if self.access.authorization != access.authorization { pluginGave = nil }
        lastGood = [:]
        self.access = access
    }

    /// If a file is missing for a moment, as while it is replaced, the previous content stays in
    /// use.
    private func read(_ source: PEMSource) throws(ClientError) -> Secret {
        do throws(ClientError) {
            let text = try source.read()
            guard !text.isBlank else { throw ClientError("\(source.place): is empty") }
            lastGood[source] = text
            return text
        } catch {
            guard let text = lastGood[source] else { throw error }
            logger.warning(
                "Failed to read credentials, keeping the previous ones",
                metadata: ["reason": "\(error)"]
            )
            return text
        }
    }

    private static func bearer(_ token: Secret) throws(ClientError) -> Secret {
        var bytes = token.reveal().utf8[...]
        while let last = bytes.last, [0x0a, 0x0d, 0x20, 0x09].contains(last) { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw ClientError("the token is empty or contains invalid characters")
        }
        return Secret("Bearer \(Substring(bytes))")
    }

    // MARK: - Plugins

    /// Ends a running plugin, for which all callers wait, and starts no other.
    func close() {
        isClosed = true
        pluginRun?.cancel()
    }

    /// One run at a time, shared by all callers.
    private func credential(of plugin: ExecPlugin) async throws(ClientError) -> ExecCredential {
        if let gave = pluginGave, gave.expiry.map({ now() < $0 }) ?? true { return gave }
        guard !isClosed else { throw ClientError("the connection is closed") }
        let run: Task<Result<ExecCredential, ClientError>, Never>
        if let pluginRun {
            run = pluginRun
        } else {
            let (environment, timeout) = (environment, pluginTimeout)
            run = Task {
                await Self.run(plugin, environment: environment, timeout: timeout)
            }
            pluginRun = run
        }
        let result = await run.value
        if pluginRun == run { pluginRun = nil }
        let credential = try result.get()
        // Another access may have taken the plugin's place meanwhile.
        if case .plugin(plugin) = access.authorization { pluginGave = credential }
        return credential
    }

    private static func run(
        _ plugin: ExecPlugin,
        environment: [String: String],
        timeout: Duration
    ) async -> Result<ExecCredential, ClientError> {
        do throws(ClientError) {
            var environment = environment.merging(plugin.environment.mapValues { $0.reveal() }) {
                $1
            }
            environment["KUBERNETES_EXEC_INFO"] = try ExecInfo.text(for: plugin)
            let output = try await PluginProcess.output(
                of: [plugin.command] + plugin.arguments,
                environment: environment,
                timeout: timeout
            )
            return .success(try ExecCredential(output: output, version: plugin.version))
        } catch {
            let hint = plugin.installHint.map { " (\(printable($0)))" } ?? ""
            return .failure(ClientError("credential plugin \(plugin.command): \(error)\(hint)"))
        }
    }
}

extension Secret {
    fileprivate var isBlank: Bool { reveal().allSatisfy(\.isWhitespace) }
}
