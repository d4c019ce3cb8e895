package import Addressing
package import ServiceModel

/// The endpoints one Service port may use on this node, in one family.
///
/// Readiness, the fallback to terminating endpoints, traffic policies and topology hints are
/// decided here (KEP-1669, KEP-2433, KEP-4444, KEP-3015). Lists are sorted by address, then port.
package struct EndpointSelection: Sendable, Equatable {
    /// For frontends with policy Cluster: ready endpoints that the hints allow, or else the
    /// serving terminating ones.
    package var cluster: [SocketAddress] = []
    /// For frontends with policy Local: the ready ones on this node, or else its serving
    /// terminating ones. Hints do not count.
    package var local: [SocketAddress] = []
    /// Any usable endpoint anywhere: decides between reject and drop.
    package var hasAny = false
    /// Of a UDP port, every endpoint that answers, whatever policies, hints and weights say: flows
    /// to it may go on. Empty for other protocols.
    package var serving: [SocketAddress] = []
    /// Weights other than the standard one; endpoints of weight 0 are not in the lists.
    package var weights: [SocketAddress: UInt32] = [:]

    package init() {}

    /// An endpoint's share of new connections relative to the others'.
    package func weight(of endpoint: SocketAddress) -> UInt32 {
        weights.isEmpty ? EndpointWeight.standard : weights[endpoint] ?? EndpointWeight.standard
    }

    /// Everything some frontend may send connections to.
    package var reachable: [SocketAddress] {
        local.isEmpty ? cluster : Set(cluster).union(local).sorted()
    }

    /// Selects for the Service port (`portName`, `transport`).
    ///
    /// `slices` are those of the Service in one family, sorted by name.
    package init(
        portName: String,
        transport: TransportProtocol,
        slices: [EndpointSlice],
        usesCluster: Bool,
        usesLocal: Bool,
        node: NodeIdentity
    ) {
        let all = Self.candidates(portName, transport, slices, node)
        if transport == .udp { serving = all.filter(\.answers).map(\.address) }
        // An endpoint of weight 0 gets no new connections, so it is not offered.
        let candidates = all.filter { $0.endpoint.weight > 0 }
        for candidate in candidates where candidate.endpoint.weight != EndpointWeight.standard {
            weights[candidate.address] = candidate.endpoint.weight
        }
        if usesCluster {
            cluster = Self.clusterList(candidates, node)
            hasAny = !cluster.isEmpty
        }
        guard usesLocal else { return }
        hasAny = candidates.contains { $0.isReady || $0.isDraining }
        let here = candidates.filter(\.isLocal)
        local = here.filter(\.isReady).map(\.address)
        if local.isEmpty { local = here.filter(\.isDraining).map(\.address) }
    }

    /// One endpoint at one port.
    struct Candidate {
        var address: SocketAddress
        var endpoint: Endpoint
        var isLocal: Bool

        var isReady: Bool { endpoint.ready }
        var answers: Bool { endpoint.ready || endpoint.serving }
        /// Shutting down, but still answering: better than nothing.
        var isDraining: Bool { !endpoint.ready && endpoint.serving && endpoint.terminating }

        /// What is better to have: ready, then serving and terminating, then anything that answers.
        var rank: Int { isReady ? 3 : isDraining ? 2 : answers ? 1 : 0 }
    }

    /// Each address and port once, sorted. Of duplicates the one in the best state counts, of equals
    /// the last: two pods in the host's network share an address during a rolling update, and an
    /// endpoint that moves between slices is in both for a moment.
    static func candidates(
        _ portName: String,
        _ transport: TransportProtocol,
        _ slices: [EndpointSlice],
        _ node: NodeIdentity
    ) -> [Candidate] {
        var found: [Candidate] = []
        for slice in slices {
            for port in slice.ports where port.name == portName && port.transport == transport {
                for endpoint in slice.endpoints {
                    found.append(
                        Candidate(
                            address: SocketAddress(endpoint.address, port.port),
                            endpoint: endpoint,
                            isLocal: !node.name.isEmpty && endpoint.nodeName == node.name
                        )
                    )
                }
            }
        }
        let order = found.indices.sorted { (found[$0].address, $0) < (found[$1].address, $1) }
        var result: [Candidate] = []
        result.reserveCapacity(found.count)
        for candidate in order.lazy.map({ found[$0] }) {
            if result.last?.address != candidate.address {
                result.append(candidate)
            } else if candidate.rank >= result[result.count - 1].rank {
                result[result.count - 1] = candidate
            }
        }
        return result
    }

    private static func clusterList(
        _ candidates: [Candidate],
        _ node: NodeIdentity
    ) -> [SocketAddress] {
        let ready = candidates.filter(\.isReady)
        if ready.isEmpty { return candidates.filter(\.isDraining).map(\.address) }
        return (hinted(ready, node) ?? ready).map(\.address)
    }

    /// The ready endpoints whose hints name this node, or else this zone. Hints of a kind count
    /// only if every endpoint has them and at least one names this node or zone; nil when no kind counts.
    private static func hinted(_ ready: [Candidate], _ node: NodeIdentity) -> [Candidate]? {
        switch hints(ready, node) {
        case .nodes: ready.filter { $0.endpoint.nodeHints.contains(node.name) }
        case .zones(let zone): ready.filter { $0.endpoint.zoneHints.contains(zone) }
        case nil: nil
        }
    }

    /// Which kind of hints counts.
    enum Hints {
        case nodes
        /// With this node's zone.
        case zones(String)
    }

    static func hints(_ ready: [Candidate], _ node: NodeIdentity) -> Hints? {
        if ready.allSatisfy({ !$0.endpoint.nodeHints.isEmpty }),
            ready.contains(where: { $0.endpoint.nodeHints.contains(node.name) })
        {
            return .nodes
        }
        if let zone = node.zone, ready.allSatisfy({ !$0.endpoint.zoneHints.isEmpty }),
            ready.contains(where: { $0.endpoint.zoneHints.contains(zone) })
        {
            return .zones(zone)
        }
        return nil
    }
}
