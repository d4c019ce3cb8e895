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
    package var proxy: ProxyAddress?
    package var certificate: PEMSource?
    package var key: PEMSource?
    package var authorization: Authorization

    package init(
        servers: [ServerAddress],
        authority: PEMSource? = nil,
        verifiesServer: Bool = true,
        serverName: String? = nil,
        proxy: ProxyAddress? = nil,
        certificate: PEMSource? = nil,
        key: PEMSource? = nil,
        authorization: Authorization = .none
    ) {
        self.servers = servers
        self.authority = authority
        self.verifiesServer = verifiesServer
        self.serverName = serverName
        self.proxy = proxy
        self.certificate = certificate
        self.key = key
        self.authorization = authorization
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
