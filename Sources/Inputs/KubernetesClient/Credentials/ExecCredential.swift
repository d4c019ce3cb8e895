import AnnotatedYAML
import FoundationEssentials

/// The `status` of a plugin's output (`kind: ExecCredential`).
struct ExecCredential: Sendable, Hashable {
    var token: Secret?
    var certificate: Secret?
    var key: Secret?
    /// Nil is valid until the server rejects it.
    var expiry: Date?

    /// Decodes a plugin's output; errors never quote it.
    init(output: String, version: ExecPlugin.Version) throws(ClientError) {
        do throws(FieldError) {
            guard let document = YAMLText.documents(output).first else {
                throw FieldError(line: 1, path: "", reason: "is empty")
            }
            let root = try Fields(document.get())
            guard try root.string("kind") == "ExecCredential",
                try root.string("apiVersion") == version.rawValue
            else { throw root.error("kind", "is not an ExecCredential of \(version.rawValue)") }
            guard let status = try root.fields("status") else {
                throw root.error("status", "is missing")
            }
            try self.init(status)
        } catch {
            // Only line and field: a parser's error may quote the output.
            throw ClientError("its output, line \(error.line), \(error.path): cannot be used")
        }
    }

    private init(_ status: Fields) throws(FieldError) {
        token = try status.string("token").flatMap { $0.isEmpty ? nil : Secret($0) }
        certificate = try status.string("clientCertificateData").map(Secret.init)
        key = try status.string("clientKeyData").map(Secret.init)
        guard token != nil || certificate != nil, (certificate == nil) == (key == nil) else {
            throw status.error("token", "has neither a token nor a certificate with its key")
        }
        guard let text = try status.string("expirationTimestamp") else { return }
        // The parser does not support fractions of a second, which do not matter here.
        let whole = text.prefix { $0 != "." } + (text.contains(".") ? "Z" : "")
        guard let date = try? Date(String(whole), strategy: .iso8601) else {
            throw status.error("expirationTimestamp", "is not a time")
        }
        expiry = date
    }
}

/// The input of a plugin, in `KUBERNETES_EXEC_INFO`.
struct ExecInfo: Encodable {
    struct Spec: Encodable {
        var interactive = false
        var cluster: Cluster?
    }

    struct Cluster: Encodable {
        enum CodingKeys: String, CodingKey {
            case server
            case serverName = "tls-server-name"
            case skipsVerification = "insecure-skip-tls-verify"
            case authority = "certificate-authority-data"
            case proxyURL = "proxy-url"
        }

        var server: String
        var serverName: String?
        var skipsVerification: Bool?
        var authority: Data?
        var proxyURL: String?
    }

    var apiVersion: String
    var kind = "ExecCredential"
    var spec = Spec()

    /// The JSON text of `KUBERNETES_EXEC_INFO`.
    static func text(for plugin: ExecPlugin) throws(ClientError) -> String {
        var info = ExecInfo(apiVersion: plugin.version.rawValue)
        if let cluster = plugin.cluster {
            info.spec.cluster = Cluster(
                server: cluster.server,
                serverName: cluster.serverName,
                skipsVerification: cluster.skipsVerification ? true : nil,
                authority: try cluster.authority?.read().reveal().data(using: .utf8),
                proxyURL: cluster.proxyURL?.reveal()
            )
        }
        guard let data = try? JSONEncoder().encode(info) else {
            throw ClientError("cannot encode the cluster for the plugin")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
