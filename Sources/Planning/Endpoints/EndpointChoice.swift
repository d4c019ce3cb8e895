package import Addressing
package import ServiceModel

/// Whether an endpoint is among those that a Service port uses on this node, and if not, why.
package struct EndpointChoice: Sendable {
    package enum Verdict: Sendable, Equatable {
        case chosen
        /// With the reason.
        case left(String)
    }

    package var address: SocketAddress
    package var endpoint: Endpoint
    /// For frontends with policy Cluster; nil if there are none.
    package var cluster: Verdict?
    /// For frontends with policy Local; nil if there are none.
    package var local: Verdict?

    /// All endpoints of a port, sorted by address. `slices` are those of the Service in one family.
    package static func all(
        of port: ServicePortState,
        slices: [EndpointSlice],
        node: NodeIdentity
    ) -> [EndpointChoice] {
        let candidates = EndpointSelection.candidates(
            port.name.port,
            port.name.transport,
            slices,
            node
        )
        let usable = candidates.filter { $0.endpoint.weight > 0 }
        let ready = usable.filter(\.isReady)
        let hints = EndpointSelection.hints(ready, node)
        let readyHere = ready.contains(where: \.isLocal)
        let accessible = port.isExternallyAccessible
        let usesCluster = !port.internalPolicyIsLocal || accessible
        let usesLocal = port.internalPolicyIsLocal || (port.externalPolicyIsLocal && accessible)
        return candidates.map { candidate in
            var choice = EndpointChoice(address: candidate.address, endpoint: candidate.endpoint)
            if usesCluster {
                choice.cluster =
                    port.endpoints.cluster.contains(candidate.address)
                    ? .chosen : .left(reason(candidate, othersAreReady: !ready.isEmpty, hints))
            }
            if usesLocal {
                let isChosen = port.endpoints.local.contains(candidate.address)
                let why =
                    candidate.isLocal
                    ? reason(candidate, othersAreReady: readyHere, nil)
                    : "on another node, and the policy is Local"
                choice.local = isChosen ? .chosen : .left(why)
            }
            return choice
        }
    }

    private static func reason(
        _ candidate: EndpointSelection.Candidate,
        othersAreReady: Bool,
        _ hints: EndpointSelection.Hints?
    ) -> String {
        if candidate.endpoint.weight == 0 { return "weight 0" }
        if candidate.isReady {
            return switch hints {
            case .nodes: "hinted for other nodes"
            case .zones(let zone): "hinted for other zones than \(zone)"
            case nil: "not used"
            }
        }
        if candidate.isDraining {
            return othersAreReady ? "terminating, and others are ready" : "terminating"
        }
        return candidate.endpoint.terminating ? "terminating, and not serving" : "not ready"
    }
}
