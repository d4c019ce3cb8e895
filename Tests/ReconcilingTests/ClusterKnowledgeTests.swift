import Addressing
import KubernetesAPI
import KubernetesClient
import Planning
import Reconciling
import ServiceModel
import Telemetry
import Testing

@Suite("Cluster knowledge")
struct ClusterKnowledgeTests {
    private static let remembered = IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 16)
    private static let named = IPPrefix(IPAddress(ipv4: 0x0a70_0000), length: 16)

    private static func ranges(
        after update: KubernetesUpdate,
        isRecalledFirst: Bool = false
    ) -> [IPPrefix] {
        var knowledge = ClusterKnowledge()
        let recording = ClusterRecording(serviceCIDRs: [remembered])
        if isRecalledFirst { #expect(knowledge.recall(recording) != nil) }
        _ = knowledge.take(update)
        if !isRecalledFirst { #expect(knowledge.recall(recording) == nil) }
        return knowledge.facts.serviceCIDRs
    }

    @Test(
        "Remembered ranges stand in until the API server names some, whether it refuses or is silent",
        arguments: [[], [KubernetesResource.serviceCIDRs]] as [Set<KubernetesResource>]
    )
    func recalled(_ unanswered: Set<KubernetesResource>) {
        let update = SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .all)
        let silent = KubernetesUpdate(update: update, unanswered: unanswered)
        #expect(Self.ranges(after: silent) == [Self.remembered])
        #expect(Self.ranges(after: silent, isRecalledFirst: true) == [Self.remembered])
        let naming = KubernetesUpdate(update: update, serviceCIDRs: [Self.named])
        #expect(Self.ranges(after: naming) == [Self.named])
        #expect(Self.ranges(after: naming, isRecalledFirst: true) == [Self.named])
    }

    @Test("API servers are the endpoints of default/kubernetes, and stay known without any")
    func servers() throws {
        let port = try #require(PortNumber(6443))
        let name = ServiceName(namespace: "default", name: "kubernetes")
        let slice = EndpointSlice(
            name: "kubernetes",
            service: name,
            family: .ipv4,
            ports: [
                EndpointPort(name: "https", port: port),
                EndpointPort(name: "other", transport: .udp, port: port),
            ],
            endpoints: [Endpoint(address: IPAddress(ipv4: 0xc000_0209))]
        )
        let expected: Set = [SocketAddress(IPAddress(ipv4: 0xc000_0209), port)]
        var knowledge = ClusterKnowledge()
        #expect(knowledge.recall(ClusterRecording(slices: [name: [slice]])) != nil)
        #expect(knowledge.facts.apiServers == expected)
        let empty = SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .all)
        _ = knowledge.take(KubernetesUpdate(update: empty))
        #expect(knowledge.facts.apiServers == expected)
        var fresh = ClusterKnowledge()
        let snapshot = ServiceSnapshot(slices: [name: [slice]])
        let update = SnapshotUpdate(snapshot: snapshot, changed: .all)
        _ = fresh.take(KubernetesUpdate(update: update))
        #expect(fresh.facts.apiServers == expected)
    }

    @Test("A Node that is deleted leaves its addresses and takes the node out of load balancing")
    func node() {
        var knowledge = ClusterKnowledge()
        let update = SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .all)
        var node = DaemonHarness.node()
        #expect(knowledge.take(KubernetesUpdate(update: update, node: node)).node == node)
        #expect(knowledge.eligibility == .eligible && knowledge.known.contains(.addresses))
        node.taintKeys = ["ToBeDeletedByClusterAutoscaler"]
        _ = knowledge.take(KubernetesUpdate(update: update, node: node))
        #expect(knowledge.eligibility == .tainted)
        node.isBeingDeleted = true
        _ = knowledge.take(KubernetesUpdate(update: update, node: node))
        #expect(knowledge.eligibility == .deleted)
        _ = knowledge.take(KubernetesUpdate(update: update))
        #expect(knowledge.eligibility == .unknown && knowledge.lacksNode)
        #expect(knowledge.facts.addresses == node.addresses)
    }
}
