/// How to reach and how to convince an API server: one context of a kubeconfig, or what a pod has.
package struct ClusterAccess: Sendable, Hashable {
    /// In the order in which they are tried; never empty.
    package var servers: [ServerAddress]
    /// Nil trusts the system's authorities.
    package var authority: PEMSource?
    /// False accepts any server certificate.
    package var verifiesServer: Bool
    /// The name the server's certificate must carry, in place of the host's.
    package var serverName: String?
    /// For all servers, whatever the environment says.
    package var proxy: ProxyAddress?
    /// What counts where `proxy` is nil.
    package var environmentProxies: ProxyEnvironment?
    package var certificate: PEMSource?
    package var key: PEMSource?
    package var authorization: Authorization
    /// Where this stands: a kubeconfig's path, or words for what else gave it.
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

    /// Nil goes to the server directly.
    func proxy(for server: ServerAddress) -> ProxyAddress? {
        proxy ?? environmentProxies?.proxy(for: server)
    }

    /// Whether a server without a scheme is meant to speak TLS: there is something that only TLS
    /// needs, as client-go decides.
    var impliesTLS: Bool { authority != nil || certificate != nil || !verifiesServer }

    /// For messages: what the server's certificate is checked against.
    var trust: String {
        switch authority {
        case .file(let path): path
        case .inline: "certificate-authority-data in \(origin)"
        case nil: "the system's certificate authorities, as \(origin) names none"
        }
    }
}

/// What a request carries to say who we are.
package enum Authorization: Sendable, Hashable {
    /// Nothing, or the client certificate alone.
    case none
    case token(Secret)
    /// Read again before each request, as tokens rotate.
    case tokenFile(String)
    case basic(userName: String, password: Secret)
    case plugin(ExecPlugin)
}
