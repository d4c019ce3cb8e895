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

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decodeIfPresent(String.self, forKey: .name)
        namespace = try fields.decodeIfPresent(String.self, forKey: .namespace)
        resourceVersion = try fields.decodeIfPresent(String.self, forKey: .resourceVersion)
        deletionTimestamp = try fields.decodeIfPresent(String.self, forKey: .deletionTimestamp)
        labels = try fields.texts(.labels)
        annotations = try fields.texts(.annotations)
    }

    private enum CodingKeys: CodingKey {
        case name, namespace, resourceVersion, deletionTimestamp, labels, annotations
    }

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

extension KeyedDecodingContainer {
    /// A mapping of texts. The error is about the first name whose value is no text: a dictionary has
    /// its names in another order each time, and the same object would have another error.
    fileprivate func texts(_ key: Key) throws -> [String: String]? {
        do {
            return try decodeIfPresent([String: String].self, forKey: key)
        } catch {
            let values = try nestedContainer(keyedBy: Name.self, forKey: key)
            for name in values.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
                _ = try values.decode(String.self, forKey: name)
            }
            throw error
        }
    }
}

/// Any name.
private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }

    init?(intValue: Int) { nil }
}
