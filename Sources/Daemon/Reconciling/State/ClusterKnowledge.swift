import Addressing
package import KubernetesAPI
package import KubernetesClient
package import Planning
import PrintableText
package import ServiceModel
package import Telemetry

/// What is known of the cluster beside its Services: this node's Node object, the ServiceCIDRs, and
/// whether an API server has said so or an earlier run.
package struct ClusterKnowledge: Sendable {
    package private(set) var facts = ClusterFacts()
    /// Nil if there is none or it is unknown.
    package private(set) var node: NodeObject?
    package private(set) var hasHeard = false
    /// What the API server has not answered for yet.
    package private(set) var unanswered: Set<KubernetesResource> = []
    /// Services are those of an earlier run.
    package private(set) var isFromMemory = false

    package init() {}

    /// An API server answered; what to save of that for the next start.
    package mutating func take(_ update: KubernetesUpdate) -> ClusterRecording {
        hasHeard = true
        isFromMemory = false
        node = update.node
        unanswered = update.unanswered
        learn(update.node, update.serviceCIDRs)
        facts.otherNodes = update.otherNodes
        return ClusterRecording(
            services: update.update.snapshot.services,
            slices: update.update.snapshot.slices,
            node: update.node,
            // Ranges that this run has not been told of yet are those of the last one.
            serviceCIDRs: facts.serviceCIDRs
        )
    }

    /// What an earlier run knew; its Services, or nil if an API server has answered by now.
    package mutating func recall(_ recording: ClusterRecording) -> SnapshotUpdate? {
        guard !hasHeard else {
            // These stand in as long as the API server names none: it may have refused to for now
            // only.
            if facts.serviceCIDRs.isEmpty { learn(nil, recording.serviceCIDRs) }
            return nil
        }
        isFromMemory = true
        learn(recording.node, recording.serviceCIDRs)
        let snapshot = ServiceSnapshot(services: recording.services, slices: recording.slices)
        return SnapshotUpdate(snapshot: snapshot, changed: .all)
    }

    /// A Node that is gone leaves what it said: the node itself is still here.
    private mutating func learn(_ node: NodeObject?, _ serviceCIDRs: [IPPrefix]) {
        if let node {
            facts.addresses = node.addresses
            facts.zone = node.zone
            facts.podCIDRs = node.podCIDRs
        }
        if !serviceCIDRs.isEmpty { facts.serviceCIDRs = serviceCIDRs }
    }

    /// What is known that the first pass waits for.
    package var known: StartGate.Facts {
        var known: StartGate.Facts = []
        if !facts.addresses.isEmpty { known.insert(.addresses) }
        if !facts.podCIDRs.isEmpty { known.insert(.podRanges) }
        if !facts.serviceCIDRs.isEmpty || !unanswered.contains(.serviceCIDRs) {
            known.insert(.serviceRanges)
        }
        return known
    }

    /// The API server has answered, and has no Node of this name.
    package var lacksNode: Bool { hasHeard && node == nil && !unanswered.contains(.nodes) }

    /// Whether load balancers may send traffic to this node.
    package var eligibility: NodeEligibility {
        guard let node else { return .unknown }
        if node.isBeingDeleted { return .deleted }
        return node.taintKeys.contains(NodeEligibility.taint) ? .tainted : .eligible
    }

    /// In words, that the cluster has no Node of this name.
    package static func missingNode(_ name: String) -> String {
        "the cluster has no Node \(quoted(name)); name this node's Node with --node-name or node.name"
    }
}
