package import Addressing
package import Planning
package import ServiceModel

/// What a node serves, as shown in a picture: the ports of each Service, with a lane per family,
/// frontends on one side and endpoints on the other.
package struct ServiceGraph: Sendable, Equatable {
    package var node: NodeIdentity
    /// As in the configuration: `nftables`.
    package var mode: String
    /// Sorted by name.
    package var services: [PicturedService]
}

package struct PicturedService: Sendable, Equatable {
    package var name: ServiceName
    /// `LoadBalancer`.
    package var kind: ServiceKind
    /// Further lines: affinity, scheduler, source.
    package var remarks: [String]
    /// Sorted by port, IPv4 before IPv6.
    package var lanes: [Lane]
    /// What could not be planned.
    package var issues: [String]
}

/// One port of a Service in one family.
package struct Lane: Sendable, Equatable {
    /// `http 80/tcp`, or `80/tcp` without a name.
    package var port: String
    package var family: IPFamily
    package var frontends: [PicturedFrontend]
    /// The lists used by a frontend: any node's, this node's, or both.
    package var lists: [EndpointList]
    /// Chosen ones first, then by address.
    package var endpoints: [PicturedEndpoint]
}

package struct PicturedFrontend: Sendable, Equatable {
    package var kind: FrontendKind
    /// `10.96.0.10:80`, or `:30080` on the node's own addresses.
    package var address: String
    /// The list it leads to; nil for a frontend answered on this node.
    package var policy: TrafficPolicy?
    /// Clients that may use it; empty means all.
    package var sources: [String]
}

/// The endpoints that frontends of one policy share.
package struct EndpointList: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        case served
        /// There is no endpoint.
        case refused
        /// All endpoints are on other nodes.
        case dropped
    }

    package var policy: TrafficPolicy
    package var outcome: Outcome
    package var count: Int
}

package struct PicturedEndpoint: Sendable, Equatable {
    package var address: String
    package var zone: String?
    package var node: String?
    package var isLocal: Bool
    package var weight: UInt32
    package var condition: Condition
    package var cluster: EndpointExplanation.Verdict
    package var local: EndpointExplanation.Verdict
    /// Share of new connections through each list, 0 to 1; nil if the endpoint is not in the list,
    /// or the scheduler does not use weights.
    package var clusterShare: Double?
    package var localShare: Double?

    package enum Condition: Sendable, Equatable {
        case ready
        /// Terminating, but still serving.
        case terminating
        case notReady
        case withoutWeight
    }

    package var isChosen: Bool { cluster.isInList || local.isInList }
}
