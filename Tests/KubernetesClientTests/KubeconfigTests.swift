import Foundation
import Testing

@testable import KubernetesClient

@Suite("Kubeconfig")
struct KubeconfigTests {
    private static let text = """
        apiVersion: v1
        kind: Config
        current-context: work
        preferences: {}
        contexts:
          - name: work
            context: {cluster: main, user: me, namespace: shop}
          - name: files
            context: {cluster: rancher, user: files}
          - name: plugin
            context: {cluster: rancher, user: plugin}
          - name: nobody
            context: {cluster: main}
          - name: broken
            context: {cluster: absent}
        clusters:
          - name: main
            cluster: {server: "https://[fd00::1]:6443", insecure-skip-tls-verify: true}
          - name: rancher
            cluster:
              server: https://rancher.example/k8s/clusters/c-1/
              certificate-authority: pki/ca.crt
              tls-server-name: kubernetes
              proxy-url: socks5://proxy:1080
        users:
          - name: me
            user: {token: secret}
          - name: files
            user:
              client-certificate: /etc/pki/me.crt
              client-key: me.key
              tokenFile: token
              token: older
          - name: plugin
            user:
              exec:
                apiVersion: client.authentication.k8s.io/v1
                command: ./get-token
                args: [--cluster, c-1]
                env: [{name: PROFILE, value: work}]
                interactiveMode: IfAvailable
                provideClusterInfo: true
        """

    private func access(_ context: String? = nil) throws -> ClusterAccess {
        try Kubeconfig(text: Self.text, file: "/etc/fairlead/kubeconfig").access(context: context)
    }

    @Test("A pipe that the caller has opened is read, any other is refused")
    func pipe() throws {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data(Self.text.utf8))
        try pipe.fileHandleForWriting.close()
        let number = pipe.fileHandleForReading.fileDescriptor
        let opened = try Kubeconfig(path: "/dev/fd/\(number)").access(context: "work")
        let written = try access("work")
        #expect(opened.servers == written.servers)
        #expect(throws: ClientError.self) { try Kubeconfig(path: "/dev/null") }
    }

    @Test("The current context counts if none is named")
    func currentContext() throws {
        let access = try access()
        #expect(access.servers.map(\.description) == ["https://[fd00::1]:6443"])
        #expect(access.servers.first?.host == "fd00::1")
        #expect(access.authorization == .token(Secret("secret")))
        #expect(!access.verifiesServer)
    }

    @Test("Paths are relative to the file, and a token file wins over a token")
    func paths() throws {
        let access = try access("files")
        #expect(
            access.servers.map(\.description) == ["https://rancher.example:443/k8s/clusters/c-1"]
        )
        #expect(access.authority == .file("/etc/fairlead/pki/ca.crt"))
        #expect(access.certificate == .file("/etc/pki/me.crt"))
        #expect(access.key == .file("/etc/fairlead/me.key"))
        #expect(access.authorization == .tokenFile("/etc/fairlead/token"))
        #expect(access.serverName == "kubernetes")
        #expect(access.proxy?.kind == .socks5)
        #expect(access.verifiesServer)
    }

    @Test("A plugin receives its cluster if it asks")
    func plugin() throws {
        guard case .plugin(let plugin) = try access("plugin").authorization else {
            Issue.record("no plugin")
            return
        }
        #expect(plugin.command == "/etc/fairlead/./get-token")
        #expect(plugin.arguments == ["--cluster", "c-1"])
        #expect(plugin.environment == ["PROFILE": Secret("work")])
        #expect(plugin.cluster?.serverName == "kubernetes")
    }

    @Test(
        "A server without a scheme is http, unless there is something that only TLS needs",
        arguments: [
            ("", "http://api:8080"), (", insecure-skip-tls-verify: true", "https://api:8080"),
            (", certificate-authority: ca.crt", "https://api:8080"),
        ]
    )
    func noScheme(more: String, expected: String) throws {
        let text = Self.text.replacing(
            "cluster: {server: \"https://[fd00::1]:6443\", insecure-skip-tls-verify: true}",
            with: "cluster: {server: \"api:8080\"\(more)}"
        )
        let access = try Kubeconfig(text: text, file: "k").access()
        #expect(access.servers.map(\.description) == [expected])
    }

    @Test(
        "Proxies: what is one and what is not",
        arguments: [
            ("http://proxy:3128", "http://proxy:3128"),
            ("https://192.0.2.200", "https://192.0.2.200:443"),
            ("socks5://me:pw@[fd00::2]", "socks5://[fd00::2]:1080"),
            ("SOCKS5H://proxy:1", "socks5://proxy:1"), ("ftp://proxy", nil), ("proxy:3128", nil),
            ("http://", nil), ("https://proxy:70000", nil),
        ]
    )
    func proxies(text: String, expected: String?) {
        #expect(ProxyAddress(text)?.description == expected)
    }

    @Test("API servers that are named without a kubeconfig need no pod, and bring no credentials")
    func serversAlone() throws {
        var settings = KubernetesSource.Settings(logger: .silent)
        settings.servers = ["192.0.2.1:8080", "https://192.0.2.2:6443"]
        let access = try KubernetesSource.access(settings, environment: [:])
        #expect(
            access.servers.map(\.description) == [
                "http://192.0.2.1:8080", "https://192.0.2.2:6443",
            ]
        )
        #expect(access.authorization == .none)
    }

    @Test("A context without a user has no credentials")
    func nobody() throws {
        #expect(try access("nobody").authorization == .none)
    }

    @Test(
        "What is missing or not supported is named with its line",
        arguments: [
            ("", "kubeconfig:1: is empty"),
            ("a: b", "kubeconfig:1: current-context: is missing; name a context"),
            ("current-context: x", "kubeconfig:1: contexts: has no \"x\""),
        ]
    )
    func errors(text: String, expected: String) {
        let error = #expect(throws: ClientError.self) {
            try Kubeconfig(text: text, file: "kubeconfig").access()
        }
        #expect(error?.description == expected)
    }

    @Test("A cluster that is not there is named")
    func absentCluster() {
        let error = #expect(throws: ClientError.self) { try access("broken") }
        #expect(error?.description.contains("clusters: has no \"absent\"") == true)
    }

    @Test("A certificate without its key is refused")
    func halfPair() {
        let text = Self.text.replacing("client-key: me.key", with: "username: me")
        let error = #expect(throws: ClientError.self) {
            try Kubeconfig(text: text, file: "kubeconfig").access(context: "files")
        }
        #expect(error?.description.contains("client-key: is missing") == true)
    }

    @Test("A pod finds its server in the environment, and needs its files")
    func pod() async throws {
        try await withDirectory { directory in
            let environment = [
                "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443",
            ]
            #expect(throws: ClientError.self) {
                try ClusterAccess.pod(environment: environment, directory: directory)
            }
            for file in ["token", "ca.crt"] {
                try "x".write(toFile: "\(directory)/\(file)", atomically: true, encoding: .utf8)
            }
            let access = try ClusterAccess.pod(environment: environment, directory: directory)
            #expect(access.servers.map(\.description) == ["https://[fd00::1]:443"])
            #expect(access.authorization == .tokenFile("\(directory)/token"))
            #expect(throws: ClientError.self) {
                try ClusterAccess.pod(environment: [:], directory: directory)
            }
        }
    }

    @Test(
        "Server addresses: what is one and what is not",
        arguments: [
            ("10.0.0.1:6443", "https://10.0.0.1:6443"), ("http://api", "http://api:80"),
            ("https://api/", "https://api:443"), ("ftp://api", nil), ("https://me:pw@api", nil),
            ("", nil), ("https://api?x=1", nil), ("https://api:0", nil),
        ]
    )
    func addresses(text: String, expected: String?) {
        #expect(ServerAddress(text)?.description == expected)
    }
}
