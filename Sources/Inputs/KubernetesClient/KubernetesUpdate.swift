package import Addressing
package import KubernetesAPI
package import ServiceModel

/// What the API server knows, and what of it changed since the last update.
package struct KubernetesUpdate: Sendable {
    package var update: SnapshotUpdate
    /// The own Node; nil if the cluster has none of our name, or has not said yet.
    package var node: NodeObject?
    /// Sorted; empty where the cluster does not tell.
    package var serviceCIDRs: [IPPrefix]
    /// The names of other Nodes by their addresses, where a `NodeDirectory` was asked.
    package var otherNodes: [IPAddress: String] = [:]
    /// When endpoints changed that came with this update, by Service: one for each changed slice that
    /// says so.
    package var triggers: [ServiceName: [EndpointTrigger]]
    /// Resources that are followed and of which nothing is known yet: neither listed nor answered as
    /// not there for us.
    package var unanswered: Set<KubernetesResource>

    package init(
        update: SnapshotUpdate,
        node: NodeObject? = nil,
        serviceCIDRs: [IPPrefix] = [],
        triggers: [ServiceName: [EndpointTrigger]] = [:],
        unanswered: Set<KubernetesResource> = []
    ) {
        self.update = update
        self.node = node
        self.serviceCIDRs = serviceCIDRs
        self.triggers = triggers
        self.unanswered = unanswered
    }
}

/// How following the API server goes, for health and status.
package struct KubernetesSourceState: Sendable, Hashable {
    /// By resource; those that are not followed are absent.
    package var resources: [KubernetesResource: ResourceState]
    /// Services and EndpointSlices have each been received once.
    package var isComplete: Bool

    /// Those that Services depend on.
    private static let needed: [KubernetesResource] = [.services, .endpointSlices]

    /// Nothing failed since the last answer, for those resources that Services depend on.
    package var isConnected: Bool {
        Self.needed.allSatisfy {
            guard let state = resources[$0] else { return false }
            return state.failures == 0 && state.lastAnswer != nil
        }
    }
}

extension KubernetesSourceState {
    /// When there was last a sign that what is known is what the server has, for the one of the
    /// resources that Services depend on that has been without one for longest; nil if one never
    /// had any.
    package var lastSign: ContinuousClock.Instant? {
        let signs = Self.needed.map { resources[$0]?.lastSign }
        guard signs.allSatisfy({ $0 != nil }) else { return nil }
        return signs.compactMap { $0 }.min()
    }

    /// Why there may be none though the server answers: the resources that go round in circles.
    package var circling: String? {
        let texts = resources.filter(\.value.isCircling).map {
            "\($0.key.rawValue): \($0.value.listsWithoutWatch) lists, and no watch works"
        }
        return texts.isEmpty ? nil : texts.sorted().joined(separator: "; ")
    }
}
