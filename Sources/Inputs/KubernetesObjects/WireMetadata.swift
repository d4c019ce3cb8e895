/// `metadata` of any object.
package struct WireMetadata: Sendable, Equatable, Decodable {
    package var name: String?
    package var namespace: String?
    package var resourceVersion: String?
    /// Only its presence matters.
    package var deletionTimestamp: String?
    package var labels: [String: String]?
    package var annotations: [String: String]?

    package init() {}

    package func label(_ name: String) -> String { labels?[name] ?? "" }

    package func annotation(_ name: String) -> String? { annotations?[name] }

    /// The labels that proxies read.
    package enum Label {
        /// On a Service: the proxy that serves it, if not the cluster's default one.
        package static let serviceProxyName = "service.kubernetes.io/service-proxy-name"
        /// On an EndpointSlice: its Service.
        package static let serviceName = "kubernetes.io/service-name"
        /// On an EndpointSlice: its Service has no ClusterIP.
        package static let headless = "service.kubernetes.io/headless"
        /// On a Node.
        package static let zone = "topology.kubernetes.io/zone"
    }
}
