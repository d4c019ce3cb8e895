extension DaemonConfiguration.Sources {
    /// Services and endpoints from a Kubernetes API server.
    package struct Kubernetes: Sendable, Equatable {
        /// Path of a kubeconfig; nil means the service account of the pod we run in. Absolute, but
        /// in kube-proxy's forms, which may name one from the working directory.
        package var kubeconfig: String?
        /// A context of the kubeconfig; nil is its current one.
        package var context: String?
        /// API servers, tried in turn, in place of the kubeconfig's or the pod's; empty changes
        /// nothing. Without a scheme they are https if the kubeconfig or the pod has what only TLS
        /// needs, else http, as for client-go.
        package var servers: [String] = []
        package var contentType = ContentType.protobuf
        /// Keep the last snapshot in the state directory, for a start without an API server.
        package var snapshotCache = true
        /// Without any answer for so long the source is stale, and the daemon not healthy; zero
        /// waits for ever.
        package var staleAfter = Duration.seconds(300)

        package init() {}

        /// How objects travel.
        package enum ContentType: String, Sendable, CaseIterable {
            /// With JSON where the server has no protobuf.
            case protobuf
            case json
        }
    }
}
