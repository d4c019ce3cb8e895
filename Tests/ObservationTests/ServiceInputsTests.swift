import Addressing
import DaemonConfiguration
import KubernetesAPI
import KubernetesClient
import Logging
import Planning
import ServiceModel
import Testing

@testable import fairlead

@Suite("What the sources add up to", .timeLimit(.minutes(1)))
struct ServiceInputsTests {
    private static let remembered = IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 16)
    private static let told = IPPrefix(IPAddress(ipv4: 0x0a70_0000), length: 16)

    private static func ranges(
        after update: KubernetesUpdate,
        isRecalledFirst: Bool = false
    ) async -> [IPPrefix]? {
        var configuration = DaemonConfiguration()
        configuration.sources.kubernetes = DaemonConfiguration.Sources.Kubernetes()
        var inputs = ServiceInputs(
            configuration,
            nodeName: "node-a",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let recording = ClusterRecording(
            services: [:],
            slices: [:],
            node: nil,
            serviceCIDRs: [remembered]
        )
        if isRecalledFirst { _ = await inputs.take(.memory(recording)) }
        _ = await inputs.take(.cluster(update))
        if !isRecalledFirst { _ = await inputs.take(.memory(recording)) }
        return inputs.facts?.serviceCIDRs
    }

    @Test(
        "Remembered ranges stand in until the API server names some, whether it refuses or is silent",
        arguments: [[], [KubernetesResource.serviceCIDRs]] as [Set<KubernetesResource>]
    )
    func recalled(_ unanswered: Set<KubernetesResource>) async {
        let update = SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .all)
        let silent = KubernetesUpdate(update: update, unanswered: unanswered)
        #expect(await Self.ranges(after: silent) == [Self.remembered])
        #expect(await Self.ranges(after: silent, isRecalledFirst: true) == [Self.remembered])
        let telling = KubernetesUpdate(update: update, serviceCIDRs: [Self.told])
        #expect(await Self.ranges(after: telling) == [Self.told])
        #expect(await Self.ranges(after: telling, isRecalledFirst: true) == [Self.told])
    }
}
