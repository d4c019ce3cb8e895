import AnnotatedYAML
import FoundationEssentials
import PrintableText

/// Reads kubeconfig files (`kind: Config`, v1). Fields that do not matter to a client without a
/// terminal are ignored.
package struct Kubeconfig: Sendable {
    private let file: String
    private let root: Fields

    package init(path: String) throws(ClientError) {
        try self.init(text: textOfFile(path), file: path)
    }

    /// Paths in the text are relative to the directory of `file`.
    package init(text: String, file: String) throws(ClientError) {
        self.file = file
        root = try Self.located(file) { () throws(FieldError) in
            guard let document = YAMLText.documents(text).first else {
                throw FieldError(line: 1, path: "", reason: "is empty")
            }
            return try Fields(document.get())
        }
    }

    /// The access of a context; nil is `current-context`.
    package func access(context: String? = nil) throws(ClientError) -> ClusterAccess {
        try Self.located(file) { () throws(FieldError) in
            let current = try root.string("current-context")
            guard let name = context ?? current, !name.isEmpty else {
                throw root.error("current-context", "is missing; name a context")
            }
            let chosen = try entry(of: "contexts", field: "context", named: name)
            let cluster = try entry(
                of: "clusters",
                field: "cluster",
                named: chosen.requiredString("cluster")
            )
            var access = try self.access(cluster)
            access.origin = file
            if let user = try chosen.string("user"), !user.isEmpty {
                try authenticate(
                    &access,
                    entry(of: "users", field: "user", named: user),
                    cluster: cluster
                )
            }
            // Last, because the default scheme of the server depends on the other fields.
            let text = try cluster.requiredString("server")
            guard let server = ServerAddress(text, defaultsToTLS: access.impliesTLS) else {
                throw cluster.error("server", "is not an address such as https://10.0.0.1:6443")
            }
            access.servers = [server]
            return access
        }
    }

    /// The entry of a list with the given name.
    private func entry(
        of list: String,
        field: String,
        named name: String
    ) throws(FieldError) -> Fields {
        for (value, path) in try root.list(list) {
            let item = try Fields(value, path: path)
            guard try item.string("name") == name else { continue }
            guard let fields = try item.fields(field) else { throw item.error(field, "is missing") }
            return fields
        }
        throw root.error(list, "has no \(quoted(name))")
    }

    private func access(_ cluster: Fields) throws(FieldError) -> ClusterAccess {
        var access = ClusterAccess(servers: [])
        access.authority = try pem(cluster, "certificate-authority")
        access.verifiesServer = try cluster.boolean("insecure-skip-tls-verify") != true
        access.serverName = try text(cluster, "tls-server-name")
        if let proxy = try text(cluster, "proxy-url") {
            // Not quoted: the value may hold a password.
            guard let address = ProxyAddress(proxy) else {
                throw cluster.error(
                    "proxy-url",
                    "must be http://host:port, https://host:port or socks5://host:port"
                )
            }
            access.proxy = address
        }
        return access
    }

    private func authenticate(
        _ access: inout ClusterAccess,
        _ user: Fields,
        cluster: Fields
    ) throws(FieldError) {
        for name in ["auth-provider", "as", "as-uid", "as-groups", "as-user-extra"]
        where user.value(name) != nil {
            throw user.error(name, "is not supported")
        }
        access.certificate = try pem(user, "client-certificate")
        access.key = try pem(user, "client-key")
        guard (access.certificate == nil) == (access.key == nil) else {
            let missing = access.key == nil ? "client-key" : "client-certificate"
            throw user.error(missing, "is missing: a certificate needs its key and vice versa")
        }
        if let path = try text(user, "tokenFile") {
            access.authorization = .tokenFile(absolute(path))
        } else if let token = try text(user, "token") {
            access.authorization = .token(Secret(token))
        } else if let name = try text(user, "username") {
            let password = Secret(try user.string("password") ?? "")
            access.authorization = .basic(userName: name, password: password)
        } else if let exec = try user.fields("exec") {
            access.authorization = .plugin(try plugin(exec, cluster: cluster))
        }
    }

    private func plugin(_ exec: Fields, cluster: Fields) throws(FieldError) -> ExecPlugin {
        let version = try exec.requiredString("apiVersion")
        guard let version = ExecPlugin.Version(rawValue: version) else {
            let known = ExecPlugin.Version.allCases.map(\.rawValue).joined(separator: ", ")
            throw exec.error("apiVersion", "\(quoted(version)) is not one of \(known)")
        }
        if try exec.string("interactiveMode") == "Always" {
            throw exec.error(
                "interactiveMode",
                "Always needs a terminal, which a daemon does not have"
            )
        }
        let command = try exec.requiredString("command")
        var plugin = ExecPlugin(
            version: version,
            // A name without a slash is looked up in PATH.
            command: command.contains("/") ? absolute(command) : command,
            arguments: try exec.strings("args").map(\.text),
            installHint: try text(exec, "installHint")
        )
        for (value, path) in try exec.list("env") {
            let variable = try Fields(value, path: path)
            plugin.environment[try variable.requiredString("name")] = Secret(
                try variable.string("value") ?? ""
            )
        }
        if try exec.boolean("provideClusterInfo") == true {
            plugin.cluster = ExecPlugin.ClusterInfo(
                server: try cluster.requiredString("server"),
                serverName: try text(cluster, "tls-server-name"),
                skipsVerification: try cluster.boolean("insecure-skip-tls-verify") == true,
                authority: try pem(cluster, "certificate-authority"),
                proxyURL: try text(cluster, "proxy-url").map(Secret.init)
            )
        }
        return plugin
    }

    /// `name-data`, otherwise the file in `name`.
    private func pem(_ fields: Fields, _ name: String) throws(FieldError) -> PEMSource? {
        if let data = try text(fields, "\(name)-data") {
            guard let bytes = Data(base64Encoded: data, options: .ignoreUnknownCharacters),
                let text = String(validating: bytes, as: UTF8.self), text.contains("-----BEGIN")
            else { throw fields.error("\(name)-data", "is not base64-encoded PEM") }
            return .inline(Secret(text))
        }
        return try text(fields, name).map { .file(absolute($0)) }
    }

    /// A text that is present and not empty.
    private func text(_ fields: Fields, _ name: String) throws(FieldError) -> String? {
        guard let text = try fields.string(name), !text.isEmpty else { return nil }
        return text
    }

    private func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let slash = file.lastIndex(of: "/") else { return path }
        return "\(file[..<slash])/\(path)"
    }

    private static func located<Result>(
        _ file: String,
        _ body: () throws(FieldError) -> Result
    ) throws(ClientError) -> Result {
        do throws(FieldError) {
            return try body()
        } catch {
            throw ClientError("\(file):\(error.line): \(error)")
        }
    }
}
