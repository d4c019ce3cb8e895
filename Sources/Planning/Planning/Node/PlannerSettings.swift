package import Addressing
package import ServiceModel

/// Everything besides the Services that decides what a plan holds: configuration and node facts.
package struct PlannerSettings: Sendable, Equatable {
    package var node: NodeIdentity
    /// Addresses on the node's interfaces, for NodePort ranges.
    package var localAddresses: [IPAddress]
    package var detector: LocalTrafficDetector
    package var nodePortAddresses: NodePortAddresses
    /// NodePorts answer on 127.0.0.0/8 too, where the accepted addresses include it; nil leaves it
    /// to the mode (`ProxyMode.localhost`).
    package var localhostNodePorts: Bool?
    /// Masquerade all ClusterIP traffic, from pods too.
    package var masqueradeAll: Bool
    /// The mark bit that asks for masquerading; one bit set.
    package var masqueradeBit: UInt32
    /// Ranges ClusterIPs come from: unallocated addresses in them are dropped.
    package var serviceCIDRs: [IPPrefix]
    /// External IPs outside these ranges are refused; nil allows all.
    package var allowedExternalIPs: [IPPrefix]?
    /// Where API servers listen, over TCP: no other Service gets these as its external or load-balancer
    /// frontends.
    package var apiServers: Set<SocketAddress>
    /// How IPVS spreads connections where a Service does not say.
    package var ipvsScheduler: Scheduler
    /// How nftables mode does; nil is at random, by weight.
    package var nftablesScheduler: Scheduler?
    /// Count packets by Service port (nftables mode).
    package var countsTraffic: Bool
    /// Bind `serviceCIDRs` as a whole instead of the single addresses in them (ipvs mode).
    package var bindsServiceRanges: Bool
    /// Drop forwarded packets that connection tracking calls invalid, so that a late segment never
    /// reaches a client untranslated. Off where `nf_conntrack_tcp_be_liberal` is on.
    package var dropInvalid: Bool
    /// The names of other nodes by their addresses, as far as they are known (ipvs mode).
    package var otherNodes: [IPAddress: String]
    /// Nil without socket-level load balancing.
    package var socketLB: SocketLBSettings?

    package init(
        node: NodeIdentity,
        localAddresses: [IPAddress] = [],
        detector: LocalTrafficDetector = .absent,
        nodePortAddresses: NodePortAddresses = .all,
        localhostNodePorts: Bool? = nil,
        masqueradeAll: Bool = false,
        masqueradeBit: UInt32 = 1 << 14,
        serviceCIDRs: [IPPrefix] = [],
        allowedExternalIPs: [IPPrefix]? = nil,
        apiServers: Set<SocketAddress> = [],
        ipvsScheduler: Scheduler = .wrr,
        nftablesScheduler: Scheduler? = nil,
        countsTraffic: Bool = false,
        bindsServiceRanges: Bool = false,
        dropInvalid: Bool = true,
        otherNodes: [IPAddress: String] = [:],
        socketLB: SocketLBSettings? = nil
    ) {
        self.node = node
        self.localAddresses = localAddresses
        self.detector = detector
        self.nodePortAddresses = nodePortAddresses
        self.localhostNodePorts = localhostNodePorts
        self.masqueradeAll = masqueradeAll
        self.masqueradeBit = masqueradeBit
        self.serviceCIDRs = serviceCIDRs
        self.allowedExternalIPs = allowedExternalIPs
        self.apiServers = apiServers
        self.ipvsScheduler = ipvsScheduler
        self.nftablesScheduler = nftablesScheduler
        self.countsTraffic = countsTraffic
        self.bindsServiceRanges = bindsServiceRanges
        self.dropInvalid = dropInvalid
        self.otherNodes = otherNodes
        self.socketLB = socketLB
    }
}
