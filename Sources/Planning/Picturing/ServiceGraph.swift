package import Addressing
package import Planning
package import ServiceModel

/// What a node offers, as a picture shows it: for each Service its ports, a lane for each family,
/// with frontends on one side and endpoints on the other.
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
    /// What else is worth a line: affinity, scheduler, where it comes from.
    package var remarks: [String]
    /// Sorted by port, IPv4 before IPv6.
    package var lanes: [Lane]
    /// What could not be planned.
    package var issues: [String]
}

/// One port of a Service in one family.
package struct Lane: Sendable, Equatable {
    /// `http 80/tcp`, or without a name `80/tcp`.
    package var port: String
    package var family: IPFamily
    package var frontends: [PicturedFrontend]
    /// Those that a frontend uses: any node's, this node's, or both.
    package var lists: [EndpointList]
    /// Chosen ones first, then by address.
    package var endpoints: [PicturedEndpoint]
}

package struct PicturedFrontend: Sendable, Equatable {
    package var kind: FrontendKind
    /// `10.96.0.10:80`, or `:30080` on the node's own addresses.
    package var address: String
    /// Which list it leads to; nil for one that is answered here.
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
    /// How many endpoints it holds.
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
    /// Of new connections through each list, 0 to 1; nil if it is not in the list, or the scheduler
    /// goes by something else than weights.
    package var clusterShare: Double?
    package var localShare: Double?

    package enum Condition: Sendable, Equatable {
        case ready
        /// Shutting down, but still answering.
        case terminating
        case notReady
        case withoutWeight
    }

    package var isChosen: Bool { cluster.isInList || local.isInList }
}
