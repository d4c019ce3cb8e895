package import Addressing

/// What the proxy knows of the node it runs on.
package struct NodeIdentity: Sendable, Hashable {
    /// Compared with `Endpoint.nodeName`; empty means no endpoint is local.
    package var name: String
    /// Label `topology.kubernetes.io/zone`; nil matches no zone hint.
    package var zone: String?
    /// The node's own addresses as the cluster knows them, at most one per family.
    package var addresses: [IPAddress]

    package init(name: String, zone: String? = nil, addresses: [IPAddress] = []) {
        self.name = name
        self.zone = zone
        self.addresses = addresses
    }
}
