import Addressing
package import KubernetesAPI
package import KubernetesClient
package import Planning
import PrintableText
package import ServiceModel
package import Telemetry

/// What is known of the cluster besides its Services: this node's Node object, the ServiceCIDRs, and
/// whether that comes from an API server or from an earlier run.
package struct ClusterKnowledge: Sendable {
    package private(set) var facts = ClusterFacts()
    /// Nil if there is none or it is unknown.
    package private(set) var node: NodeObject?
    package private(set) var hasHeard = false
    /// What the API server has not answered for yet.
    package private(set) var unanswered: Set<KubernetesResource> = []
    /// The Services are those of an earlier run.
    package private(set) var isFromMemory = false

    package init() {}

    /// Records an API server's answer; returns what to save for the next start.
    package mutating func take(_ update: KubernetesUpdate) -> ClusterRecording {
        hasHeard = true
        isFromMemory = false
        node = update.node
        unanswered = update.unanswered
        learn(update.node, update.serviceCIDRs)
        learn(update.update.snapshot)
        facts.otherNodes = update.otherNodes
        return ClusterRecording(
            services: update.update.snapshot.services,
            slices: update.update.snapshot.slices,
            node: update.node,
            // Until the API server has reported the ranges, they are those of the last run.
            serviceCIDRs: facts.serviceCIDRs
        )
    }

    /// Recalls an earlier run; returns its Services, or nil if an API server has answered by now.
    package mutating func recall(_ recording: ClusterRecording) -> SnapshotUpdate? {
        guard !hasHeard else {
            // Used until the API server reports ranges: it may only have failed to so far.
            if facts.serviceCIDRs.isEmpty { learn(nil, recording.serviceCIDRs) }
            return nil
        }
        isFromMemory = true
        learn(recording.node, recording.serviceCIDRs)
        let snapshot = ServiceSnapshot(services: recording.services, slices: recording.slices)
        learn(snapshot)
        return SnapshotUpdate(snapshot: snapshot, changed: .all)
    }

    /// Facts of a Node that is gone stay: the node itself still exists.
    private mutating func learn(_ node: NodeObject?, _ serviceCIDRs: [IPPrefix]) {
        if let node {
            facts.addresses = node.addresses
            facts.zone = node.zone
            facts.podCIDRs = node.podCIDRs
        }
        if !serviceCIDRs.isEmpty { facts.serviceCIDRs = serviceCIDRs }
    }

    /// Where API servers listen. Without such endpoints, as in a cluster whose API server has just started,
    /// the known ones stay.
    private mutating func learn(_ snapshot: ServiceSnapshot) {
        let servers = (snapshot.slices[ServiceState.apiServer] ?? []).flatMap { slice in
            slice.ports.filter { $0.transport == .tcp }.flatMap { port in
                slice.endpoints.map { SocketAddress($0.address, port.port) }
            }
        }
        if !servers.isEmpty { facts.apiServers = Set(servers) }
    }

    /// Which of the facts that the first pass waits for are known.
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

    /// The message that the cluster has no Node of this name.
    package static func missingNode(_ name: String) -> String {
        "the cluster has no Node \(quoted(name)); name this node's Node with --node-name or node.name"
    }
}
