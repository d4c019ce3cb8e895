package import Addressing
package import ServiceModel

/// One endpoint of a Service port, and what becomes of it on this node.
package struct EndpointExplanation: Sendable, Equatable {
    /// Whether frontends of one traffic policy use it.
    package enum Verdict: Sendable, Hashable {
        case chosen
        /// It is terminating, and chosen because no endpoint is ready.
        case lastResort
        /// Other endpoints would be chosen first, and there are some.
        case terminating
        /// Not ready, and not even answering.
        case notReady
        /// Weight 0 takes no new connections.
        case withoutWeight
        /// Topology hints keep it for other zones, or nodes.
        case hintedElsewhere([String])
        /// The policy is Local, and it runs on another node.
        case onOtherNode
        /// No frontend of this policy is there.
        case unused
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
    /// Every endpoint the slices have for this port, sorted by address; `slices` and `node` are
    /// those that the port's selection was made from.
    package func explainEndpoints(
        _ slices: [EndpointSlice],
        family: IPFamily,
        node: NodeIdentity
    ) -> [EndpointExplanation] {
        let (cluster, local) = (Set(endpoints.cluster), Set(endpoints.local))
        let usesCluster = !internalPolicyIsLocal || isExternallyAccessible
        let usesLocal = internalPolicyIsLocal || (externalPolicyIsLocal && isExternallyAccessible)
        return EndpointSelection.candidates(
            name.port,
            name.transport,
            slices.filter { $0.family == family },
            node
        )
        .map { candidate in
            EndpointExplanation(
                address: candidate.address,
                endpoint: candidate.endpoint,
                isLocal: candidate.isLocal,
                cluster: usesCluster
                    ? candidate.verdict(isChosen: cluster.contains(candidate.address)) : .unused,
                local: !usesLocal
                    ? .unused
                    : candidate.isLocal
                        ? candidate.verdict(isChosen: local.contains(candidate.address))
                        : .onOtherNode
            )
        }
    }
}

extension EndpointSelection.Candidate {
    fileprivate func verdict(isChosen: Bool) -> EndpointExplanation.Verdict {
        if isChosen { return isReady ? .chosen : .lastResort }
        if endpoint.weight == 0 { return .withoutWeight }
        if isDraining { return .terminating }
        if !isReady { return .notReady }
        // Ready ones are left out for their hints alone.
        return .hintedElsewhere(endpoint.nodeHints + endpoint.zoneHints)
    }
}
