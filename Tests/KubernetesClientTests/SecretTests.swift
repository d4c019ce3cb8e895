import KubernetesClient
import Testing

@Suite("Secrets")
struct SecretTests {
    private static let word = "hunter2"

    private func allTexts(_ value: Any) -> String {
        var dumped = ""
        dump(value, to: &dumped)
        return "\(value) \(String(reflecting: value)) \(String(describing: value)) \(dumped)"
    }

    @Test("A secret is hidden when printed or reflected")
    func redaction() {
        let secret = Secret(Self.word)
        #expect(!allTexts(secret).contains(Self.word))
        #expect(Mirror(reflecting: secret).children.isEmpty)
        #expect(secret.reveal() == Self.word)
    }

    @Test(
        "Nothing that holds a secret shows it",
        arguments: [
            "token: hunter2", "username: me, password: hunter2", "client-key-data: \(Self.encoded)",
            """
            exec: {apiVersion: client.authentication.k8s.io/v1, command: get, interactiveMode: Never,
                env: [{name: KEY, value: hunter2}]}
            """,
        ]
    )
    func holders(user: String) throws {
        let certificate =
            user.contains("client-key") ? "client-certificate-data: \(Self.encoded), " : ""
        let text = """
            current-context: a
            contexts: [{name: a, context: {cluster: c, user: u}}]
            clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443",
              proxy-url: "http://me:hunter2@proxy:3128"}}]
            users: [{name: u, user: {\(certificate)\(user)}}]
            """
        let access = try Kubeconfig(text: text, file: "/etc/k/config").access()
        #expect(access.proxy?.password == Secret(Self.word))
        #expect(!allTexts(access).contains(Self.word))
    }

    // -----BEGIN hunter2
    private static let encoded = "LS0tLS1CRUdJTiBodW50ZXIy"

    @Test(
        "An error about a secret does not quote it",
        arguments: [
            "token: [hunter2]", "client-key-data: hunter2", "tokenFile: {a: hunter2}",
            "exec: {apiVersion: client.authentication.k8s.io/v1, command: get, env: [hunter2]}",
            "token: \"hunter2", "password: {hunter2: hunter2}, username: me",
        ]
    )
    func errors(user: String) {
        let text = """
            current-context: a
            contexts: [{name: a, context: {cluster: c, user: u}}]
            clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443"}}]
            users: [{name: u, user: {\(user)}}]
            """
        let error = #expect(throws: ClientError.self) {
            try Kubeconfig(text: text, file: "/etc/k/config").access()
        }
        #expect(error?.description.contains(Self.word) == false)
        #expect(error?.description.hasPrefix("/etc/k/config:") == true)
    }

    @Test("A proxy's password is not quoted when its address is refused")
    func proxyErrors() {
        let text = """
            current-context: a
            contexts: [{name: a, context: {cluster: c}}]
            clusters: [{name: c, cluster: {server: "https://10.0.0.1", proxy-url: "ftp://me:hunter2@p"}}]
            """
        let error = #expect(throws: ClientError.self) {
            try Kubeconfig(text: text, file: "config").access()
        }
        #expect(error?.description.contains(Self.word) == false)
    }
}
