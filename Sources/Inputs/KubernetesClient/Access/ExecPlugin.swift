/// A program that prints credentials (kubeconfig `users[].user.exec`).
package struct ExecPlugin: Sendable, Hashable {
    package enum Version: String, Sendable, Hashable, CaseIterable {
        case v1 = "client.authentication.k8s.io/v1"
        case v1beta1 = "client.authentication.k8s.io/v1beta1"
    }

    package var version: Version
    /// An absolute path, or a name looked up in `PATH`.
    package var command: String
    package var arguments: [String] = []
    /// Added to this process's environment.
    package var environment: [String: Secret] = [:]
    /// The cluster, if the plugin asks for it (`provideClusterInfo`).
    package var cluster: ClusterInfo?
    /// Shown if the program is missing.
    package var installHint: String?

    /// `spec.cluster` of an ExecCredential.
    package struct ClusterInfo: Sendable, Hashable {
        package var server: String
        package var serverName: String?
        package var skipsVerification: Bool
        package var authority: PEMSource?
        package var proxyURL: Secret?
    }
}
