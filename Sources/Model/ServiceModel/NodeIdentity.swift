package import Addressing

/// The node the proxy runs on.
package struct NodeIdentity: Sendable, Hashable {
    /// Compared with `Endpoint.nodeName`; if empty, no endpoint is local.
    package var name: String
    /// Label `topology.kubernetes.io/zone`; nil matches no zone hint.
    package var zone: String?
    /// The node's addresses in its Node object, at most one per family.
    package var addresses: [IPAddress]

    package init(name: String, zone: String? = nil, addresses: [IPAddress] = []) {
        self.name = name
        self.zone = zone
        self.addresses = addresses
    }
}
