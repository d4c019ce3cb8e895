package import Addressing
package import KubernetesAPI
package import ServiceModel

/// What the API server knows, and what of it changed since the last update.
package struct KubernetesUpdate: Sendable {
    package var update: SnapshotUpdate
    /// The own Node; nil while the cluster has none of our name.
    package var node: NodeObject?
    /// Sorted; empty where the cluster does not tell.
    package var serviceCIDRs: [IPPrefix]
    /// The names of other Nodes by their addresses, where a `NodeDirectory` was asked.
    package var otherNodes: [IPAddress: String] = [:]
    /// When endpoints changed that came with this update, by Service: a time for each changed slice
    /// that says so.
    package var triggers: [ServiceName: [APITime]]

    package init(
        update: SnapshotUpdate,
        node: NodeObject? = nil,
        serviceCIDRs: [IPPrefix] = [],
        triggers: [ServiceName: [APITime]] = [:]
    ) {
        self.update = update
        self.node = node
        self.serviceCIDRs = serviceCIDRs
        self.triggers = triggers
    }
}

/// How following the API server goes, for health and status.
package struct KubernetesSourceState: Sendable, Hashable {
    /// By resource; those that are not followed are absent.
    package var resources: [KubernetesResource: ResourceState]
    /// Services and EndpointSlices have each been received once.
    package var isComplete: Bool

    /// Nothing failed since the last answer, for those resources that Services depend on.
    package var isConnected: Bool {
        let needed: [KubernetesResource] = [.services, .endpointSlices]
        return needed.allSatisfy {
            guard let state = resources[$0] else { return false }
            return state.failures == 0 && state.lastAnswer != nil
        }
    }
}

extension KubernetesSourceState {
    /// When a server last gave a sign of life, for the one of the resources that Services depend on
    /// that has been silent longest; nil if one never did.
    package var lastSign: ContinuousClock.Instant? {
        let signs = [KubernetesResource.services, .endpointSlices].map { resource in
            resources[resource].flatMap { [$0.lastAnswer, $0.lastEvent].compactMap { $0 }.max() }
        }
        guard signs.allSatisfy({ $0 != nil }) else { return nil }
        return signs.compactMap { $0 }.min()
    }
}
