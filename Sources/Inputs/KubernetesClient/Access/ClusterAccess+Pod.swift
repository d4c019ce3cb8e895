extension ClusterAccess {
    /// The directory of a pod's service account.
    package static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// Whether the environment is that of a pod.
    static func isPod(_ environment: [String: String]) -> Bool {
        environment["KUBERNETES_SERVICE_HOST"]?.isEmpty == false
    }

    /// Access with a pod's service account: the environment names the server, files hold the token
    /// and the certificate authority.
    package static func pod(
        environment: [String: String],
        directory: String = serviceAccountDirectory
    ) throws(ClientError) -> ClusterAccess {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let text = environment["KUBERNETES_SERVICE_PORT"], let port = Int(text),
            (1...65535).contains(port)
        else {
            throw ClientError(
                "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; "
                    + "name a kubeconfig file"
            )
        }
        let access = ClusterAccess(
            servers: [ServerAddress(host: host, port: port)],
            authority: .file("\(directory)/ca.crt"),
            authorization: .tokenFile("\(directory)/token"),
            origin: "the pod's service account"
        )
        // Fails now rather than at the first request.
        for file in ["token", "ca.crt"] { _ = try textOfFile("\(directory)/\(file)") }
        return access
    }
}
