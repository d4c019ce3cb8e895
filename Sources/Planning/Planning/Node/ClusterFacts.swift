package import Addressing

/// Facts about this node and the cluster from the Kubernetes API. A fact is absent as long as it is
/// unknown, and counts only where the configuration does not set it.
package struct ClusterFacts: Equatable, Sendable {
    /// The node's own addresses, at most one a family (`status.addresses` of the Node).
    package var addresses: [IPAddress]
    /// Label `topology.kubernetes.io/zone` of the Node.
    package var zone: String?
    /// The ranges of this node's pods (`spec.podCIDRs` of the Node).
    package var podCIDRs: [IPPrefix]
    /// The ranges ClusterIPs come from (`ServiceCIDR` objects).
    package var serviceCIDRs: [IPPrefix]
    /// The endpoints of the Service `default/kubernetes`, over TCP.
    package var apiServers: Set<SocketAddress>
    /// The names of other nodes by their addresses; asked for in ipvs mode only.
    package var otherNodes: [IPAddress: String]

    package init(
        addresses: [IPAddress] = [],
        zone: String? = nil,
        podCIDRs: [IPPrefix] = [],
        serviceCIDRs: [IPPrefix] = [],
        apiServers: Set<SocketAddress> = [],
        otherNodes: [IPAddress: String] = [:]
    ) {
        self.addresses = addresses
        self.zone = zone
        self.podCIDRs = podCIDRs
        self.serviceCIDRs = serviceCIDRs
        self.apiServers = apiServers
        self.otherNodes = otherNodes
    }
}
