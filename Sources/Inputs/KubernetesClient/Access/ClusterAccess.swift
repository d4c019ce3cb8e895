/// Addresses and credentials of an API server, from a kubeconfig context or a pod's service
/// account.
package struct ClusterAccess: Sendable, Hashable {
    /// In the order in which they are tried; never empty.
    package var servers: [ServerAddress]
    /// Nil trusts the system's certificate authorities.
    package var authority: PEMSource?
    /// False accepts any server certificate.
    package var verifiesServer: Bool
    /// The name the server's certificate must carry, instead of the host's.
    package var serverName: String?
    /// For all servers, regardless of the environment.
    package var proxy: ProxyAddress?
    /// Used if `proxy` is nil.
    package var environmentProxies: ProxyEnvironment?
    package var certificate: PEMSource?
    package var key: PEMSource?
    package var authorization: Authorization
    /// For messages: the path of the kubeconfig, or a description of another origin.
    package var origin: String

    package init(
        servers: [ServerAddress],
        authority: PEMSource? = nil,
        verifiesServer: Bool = true,
        serverName: String? = nil,
        proxy: ProxyAddress? = nil,
        certificate: PEMSource? = nil,
        key: PEMSource? = nil,
        authorization: Authorization = .none,
        origin: String = "the configuration"
    ) {
        self.servers = servers
        self.authority = authority
        self.verifiesServer = verifiesServer
        self.serverName = serverName
        self.proxy = proxy
        self.certificate = certificate
        self.key = key
        self.authorization = authorization
        self.origin = origin
    }

    /// Nil connects to the server directly.
    func proxy(for server: ServerAddress) -> ProxyAddress? {
        proxy ?? environmentProxies?.proxy(for: server)
    }

    /// Whether a server without a scheme uses TLS: some setting needs TLS, as client-go decides.
    var impliesTLS: Bool { authority != nil || certificate != nil || !verifiesServer }

    /// For messages: what the server's certificate is checked against.
    var trust: String {
        switch authority {
        case .file(let path): path
        case .inline: "certificate-authority-data in \(origin)"
        case nil: "the system's certificate authorities, because \(origin) names none"
        }
    }
}

/// The credentials of a request.
package enum Authorization: Sendable, Hashable {
    /// None, or only the client certificate.
    case none
    case token(Secret)
    /// Reread before each request, because tokens rotate.
    case tokenFile(String)
    case basic(userName: String, password: Secret)
    case plugin(ExecPlugin)
}
