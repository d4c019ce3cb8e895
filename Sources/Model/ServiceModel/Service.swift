package import Addressing

/// A Service as the proxy uses it: its frontends and how to distribute connections.
///
/// Canonicalised by the source: `None` and empty ClusterIPs are absent, `ipMode: Proxy` and
/// hostname-only ingress entries are removed, defaults are filled in (`spec` fields of Kubernetes
/// v1).
package struct Service: Sendable, Hashable {
    package var name: ServiceName
    package var origin: ServiceOrigin
    package var kind: ServiceKind
    /// The families of the Service. In Kubernetes those of its ClusterIPs: without one, its
    /// external IPs and NodePorts do not work in that family either.
    package var families: IPFamilies
    /// At most one per family.
    package var clusterIPs: [IPAddress]
    package var ports: [ServicePort]
    package var externalIPs: [IPAddress]
    /// `status.loadBalancer.ingress[].ip` with `ipMode` VIP.
    package var loadBalancerAddresses: [IPAddress]
    /// Clients that may use the load balancer addresses; without a range, a family admits all.
    package var loadBalancerSourceRanges: [IPPrefix]
    package var sessionAffinity: SessionAffinity
    package var externalTrafficPolicy: TrafficPolicy
    package var internalTrafficPolicy: TrafficPolicy
    /// Only meaningful for kind LoadBalancer with external policy Local.
    package var healthCheckNodePort: PortNumber?
    /// How its connections are distributed; nil uses the configured scheduler.
    package var scheduler: Scheduler?
    package var forwarding: Forwarding
    /// Only on Services from files.
    package var healthCheck: HealthCheck?
    /// Missing from its source and kept by the removal guard. It gets no frontend that another
    /// Service claims.
    package var isHeld = false

    /// `families` defaults to those of `clusterIPs`.
    package init(
        name: ServiceName,
        origin: ServiceOrigin = .files,
        kind: ServiceKind = .clusterIP,
        families: IPFamilies? = nil,
        clusterIPs: [IPAddress] = [],
        ports: [ServicePort] = [],
        externalIPs: [IPAddress] = [],
        loadBalancerAddresses: [IPAddress] = [],
        loadBalancerSourceRanges: [IPPrefix] = [],
        sessionAffinity: SessionAffinity = .none,
        externalTrafficPolicy: TrafficPolicy = .cluster,
        internalTrafficPolicy: TrafficPolicy = .cluster,
        healthCheckNodePort: PortNumber? = nil,
        scheduler: Scheduler? = nil,
        forwarding: Forwarding = .nat,
        healthCheck: HealthCheck? = nil
    ) {
        self.name = name
        self.origin = origin
        self.kind = kind
        self.families = families ?? IPFamilies(clusterIPs.lazy.map(\.family))
        self.clusterIPs = clusterIPs
        self.ports = ports
        self.externalIPs = externalIPs
        self.loadBalancerAddresses = loadBalancerAddresses
        self.loadBalancerSourceRanges = loadBalancerSourceRanges
        self.sessionAffinity = sessionAffinity
        self.externalTrafficPolicy = externalTrafficPolicy
        self.internalTrafficPolicy = internalTrafficPolicy
        self.healthCheckNodePort = healthCheckNodePort
        self.scheduler = scheduler
        self.forwarding = forwarding
        self.healthCheck = healthCheck
    }

    /// The ClusterIP of a family, if the Service exists in it.
    package func clusterIP(_ family: IPFamily) -> IPAddress? {
        clusterIPs.first { $0.family == family }
    }
}

extension IPPrefix {
    /// For a Service that admits no client: a range of each family that cannot match a packet. The
    /// kernel drops packets from the limited broadcast address (`ipv4_is_lbcast` in
    /// `ip_route_input`) and from IPv6 multicast addresses (`ip6_rcv`).
    package static let unmatchable: [IPPrefix] = [
        "255.255.255.255/32", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
    ].compactMap { IPPrefix($0) }
}

/// The source of a Service.
///
/// Ordered by precedence: if both have a Service of the same name, or two Services claim a frontend
/// in the same role, the cluster's wins.
package enum ServiceOrigin: Sendable, Hashable, Comparable, CaseIterable {
    case cluster
    case files

    /// For messages: "from the cluster".
    package var noun: String {
        switch self {
        case .cluster: "the cluster"
        case .files: "files"
        }
    }
}

/// What decides between claims to a frontend, besides the kind of the frontend.
package struct ClaimStanding: Sendable, Hashable {
    package var origin: ServiceOrigin
    /// Kept by the removal guard: any other claim takes precedence.
    package var isHeld: Bool
}

extension Service {
    package var standing: ClaimStanding { ClaimStanding(origin: origin, isHeld: isHeld) }
}

/// One port of a Service (Kubernetes `ServicePort`). Without `targetPort`: the EndpointSlice gives
/// the ports of endpoints.
package struct ServicePort: Sendable, Hashable {
    package var name: String
    package var transport: TransportProtocol
    package var port: PortNumber
    package var nodePort: PortNumber?

    package init(
        name: String = "",
        transport: TransportProtocol = .tcp,
        port: PortNumber,
        nodePort: PortNumber? = nil
    ) {
        self.name = name
        self.transport = transport
        self.port = port
        self.nodePort = nodePort
    }
}

/// Kubernetes `spec.type`, without ExternalName, which no proxy serves.
package enum ServiceKind: String, Sendable, Hashable, CaseIterable {
    case clusterIP = "ClusterIP"
    case nodePort = "NodePort"
    case loadBalancer = "LoadBalancer"
}

/// Which endpoints a frontend may use: all, or only those on this node.
package enum TrafficPolicy: String, Sendable, Hashable, CaseIterable {
    case cluster = "Cluster"
    case local = "Local"
}

package enum SessionAffinity: Sendable, Hashable {
    case none
    /// A client address keeps its endpoint until `timeoutSeconds` pass without a new connection;
    /// 1...86400.
    case clientIP(timeoutSeconds: UInt32)
}
