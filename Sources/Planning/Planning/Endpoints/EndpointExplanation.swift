package import Addressing
package import ServiceModel

/// One endpoint of a Service port, and how this node uses it.
package struct EndpointExplanation: Sendable, Equatable {
    /// Whether frontends of one traffic policy use it.
    package enum Verdict: Sendable, Hashable {
        case chosen
        /// It is terminating, and chosen because no endpoint is ready.
        case lastResort
        /// Other endpoints would be chosen first, and there are some.
        case terminating
        /// It no longer answers.
        case terminated
        /// Neither ready nor answering.
        case notReady
        /// Its health checks fail, for this reason.
        case unhealthy(String)
        /// Weight 0: no new connections.
        case withoutWeight
        /// Topology hints keep it for these zones, or nodes.
        case hintedElsewhere([String])
        /// The policy is Local, and it runs on another node.
        case onOtherNode
        /// No frontend of this policy is there.
        case unused

        package var isInList: Bool { self == .chosen || self == .lastResort }

        /// For output; nil without a frontend of that policy.
        package var text: String? {
            switch self {
            case .chosen: "chosen"
            case .lastResort: "last resort"
            case .terminating: "terminating"
            case .terminated: "terminating, not serving"
            case .notReady: "not ready"
            case .unhealthy(let reason): "unhealthy: \(reason)"
            case .withoutWeight: "weight 0"
            case .hintedElsewhere(let places): "hinted for \(places.joined(separator: ", "))"
            case .onOtherNode: "on another node"
            case .unused: nil
            }
        }
    }

    package var address: SocketAddress
    package var endpoint: Endpoint
    package var isLocal: Bool
    /// For frontends with policy Cluster.
    package var cluster: Verdict
    /// For frontends with policy Local.
    package var local: Verdict
}

extension ServicePortState {
    /// Every endpoint of this port in the slices, sorted by address; `slices` and `node` are
    /// those that the port's selection was made from. `unhealthy` has the reasons of failing
    /// health checks.
    package func explainEndpoints(
        _ slices: [EndpointSlice],
        family: IPFamily,
        node: NodeIdentity,
        unhealthy: [SocketAddress: String] = [:]
    ) -> [EndpointExplanation] {
        let (cluster, local) = (Set(endpoints.cluster), Set(endpoints.local))
        let usesCluster = !internalPolicyIsLocal || isExternallyAccessible
        let usesLocal = internalPolicyIsLocal || (externalPolicyIsLocal && isExternallyAccessible)
        let candidates = EndpointSelection.candidates(
            name.port,
            name.transport,
            slices.filter { $0.family == family },
            node
        )
        let ready = candidates.filter { $0.endpoint.weight > 0 && $0.isReady }
        let hints = EndpointSelection.hints(ready, node)
        return candidates.map { candidate in
            func verdict(_ list: Set<SocketAddress>) -> EndpointExplanation.Verdict {
                candidate.verdict(
                    isChosen: list.contains(candidate.address),
                    unhealthy[candidate.address],
                    hints
                )
            }
            return EndpointExplanation(
                address: candidate.address,
                endpoint: candidate.endpoint,
                isLocal: candidate.isLocal,
                cluster: usesCluster ? verdict(cluster) : .unused,
                local: !usesLocal ? .unused : candidate.isLocal ? verdict(local) : .onOtherNode
            )
        }
    }
}

extension EndpointSelection.Candidate {
    fileprivate func verdict(
        isChosen: Bool,
        _ unhealthyReason: String?,
        _ hints: EndpointSelection.Hints?
    ) -> EndpointExplanation.Verdict {
        if isChosen { return isReady ? .chosen : .lastResort }
        if endpoint.weight == 0 { return .withoutWeight }
        if isDraining { return .terminating }
        if !isReady {
            if let unhealthyReason { return .unhealthy(unhealthyReason) }
            return endpoint.terminating ? .terminated : .notReady
        }
        // Ready ones are left out for their hints alone.
        return switch hints {
        case .nodes: .hintedElsewhere(endpoint.nodeHints.sorted())
        case .zones, nil: .hintedElsewhere(endpoint.zoneHints.sorted())
        }
    }
}
