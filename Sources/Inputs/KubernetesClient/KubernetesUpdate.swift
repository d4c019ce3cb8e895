package import Addressing
package import KubernetesAPI
import PrintableText
package import ServiceModel

/// The state of the cluster, and what changed since the last update.
package struct KubernetesUpdate: Sendable {
    package var update: SnapshotUpdate
    /// This node's Node object; nil if the cluster has none, or has not answered yet.
    package var node: NodeObject?
    /// Sorted; empty if the cluster does not provide them.
    package var serviceCIDRs: [IPPrefix]
    /// The names of other Nodes by address, if a `NodeDirectory` is used.
    package var otherNodes: [IPAddress: String] = [:]
    /// When the endpoints changed by this update changed in the cluster, by Service: one entry for
    /// each changed slice that has the annotation.
    package var triggers: [ServiceName: [EndpointTrigger]]
    /// Watched resources whose state is unknown: neither listed, nor reported as missing or
    /// forbidden.
    package var unanswered: Set<KubernetesResource>
    /// Of the changes in this update; nil if it is a list, or has none.
    package var times: ArrivalTimes?

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

/// The state of watching the API server, for health and status.
package struct KubernetesSourceState: Sendable, Hashable {
    /// By resource; absent if it is not watched.
    package var resources: [KubernetesResource: ResourceState]
    /// Services and EndpointSlices have each been received once.
    package var isComplete: Bool

    package init(resources: [KubernetesResource: ResourceState], isComplete: Bool) {
        self.resources = resources
        self.isComplete = isComplete
    }

    /// The resources that Services depend on.
    private static let needed: [KubernetesResource] = [.services, .endpointSlices]

    /// ServiceCIDRs have been received once.
    package var hasServiceCIDRs: Bool { (resources[.serviceCIDRs]?.lists ?? 0) > 0 }

    /// How much of long lists has been received, such as `1500 Services, 4000 EndpointSlices`; nil before the
    /// first step of one.
    package var receivedText: String? {
        let counts = [
            (resources[.services], "Service"), (resources[.endpointSlices], "EndpointSlice"),
        ]
        guard counts.contains(where: { $0.0?.lists == 0 && $0.0?.received ?? 0 > 0 }) else {
            return nil
        }
        return counts.map { counted($0.0?.received ?? 0, $0.1) }.joined(separator: ", ")
    }

    /// No failure since the last response, for the resources that Services depend on.
    package var isConnected: Bool {
        Self.needed.allSatisfy {
            guard let state = resources[$0] else { return false }
            return state.failures == 0 && state.lastAnswer != nil
        }
    }
}

extension KubernetesSourceState {
    /// When the state was last known to be the server's, for whichever needed resource has been
    /// without such a sign for longest; nil if one never had any.
    package var lastSign: ContinuousClock.Instant? {
        let signs = Self.needed.map { resources[$0]?.lastSign }
        guard signs.allSatisfy({ $0 != nil }) else { return nil }
        return signs.compactMap { $0 }.min()
    }

    /// The resources that are relisted again and again because no watch works, for messages.
    package var circling: String? {
        let texts = resources.filter(\.value.isCircling).map {
            "\($0.key.rawValue): \(counted($0.value.listsWithoutWatch, "list")) without a working watch"
        }
        return texts.isEmpty ? nil : texts.sorted().joined(separator: "; ")
    }
}
