package import Addressing

/// Facts about the node: from one network namespace, and from the cluster.
package struct NodeFacts: Equatable, Sendable {
    package var hostName: String
    /// Addresses on interfaces.
    package var localAddresses: [IPAddress]
    /// The node's own addresses, one a family, where the configuration names none.
    package var primaryAddresses: [IPAddress]
    /// Whether out-of-window segments count as valid, so that invalid packets need no drop.
    package var tcpIsLiberal: Bool
    /// Nil where no API server is asked.
    package var cluster: ClusterFacts?

    /// What of them may change while the daemon runs. The name does not: a change of the host's counts from the
    /// next start on.
    package enum Part: Sendable, Equatable {
        case addresses
        case tcpLiberality
    }

    /// In what they differ from others.
    package func changes(from other: NodeFacts) -> [Part] {
        var parts: [Part] = []
        if localAddresses != other.localAddresses || primaryAddresses != other.primaryAddresses {
            parts.append(.addresses)
        }
        if tcpIsLiberal != other.tcpIsLiberal { parts.append(.tcpLiberality) }
        return parts
    }

    package init(
        hostName: String,
        localAddresses: [IPAddress] = [],
        primaryAddresses: [IPAddress] = [],
        tcpIsLiberal: Bool = false,
        cluster: ClusterFacts? = nil
    ) {
        self.hostName = hostName
        self.localAddresses = localAddresses
        self.primaryAddresses = primaryAddresses
        self.tcpIsLiberal = tcpIsLiberal
        self.cluster = cluster
    }
}
