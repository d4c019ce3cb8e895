import Addressing
import Foundation
import KubernetesAPI
import KubernetesClient
import ServiceModel
import Testing

@Suite("ClusterMemory")
struct ClusterMemoryTests {
    private let directory =
        FileManager.default.temporaryDirectory.path + "/fairlead-memory-\(UUID().uuidString)"

    private func memory(
        interval: Duration = .milliseconds(1)
    ) -> ClusterMemory {
        ClusterMemory(
            path: directory + "/state/cluster",
            settings: DecodingSettings(),
            interval: interval
        )
    }

    private func recording(_ count: Int) -> ClusterRecording {
        var recording = ClusterRecording()
        for index in 0..<count {
            let name = ServiceName(namespace: "shop", name: "s\(index)")
            recording.services[name] = Service(
                name: name,
                origin: .cluster,
                clusterIPs: [IPAddress(ipv4: 0x0a60_0001 + UInt32(index))]
            )
        }
        return recording
    }

    @Test("The last of several states is kept over a restart, readable only by the owner")
    func restart() async throws {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        #expect(await memory().recall() == nil)
        let first = memory(interval: .seconds(3600))
        for count in 1...5 { await first.remember(recording(count)) }
        #expect(await memory().recall() == nil)
        await first.flush()
        #expect(await memory().recall() == recording(5))
        let file = try FileManager.default.attributesOfItem(atPath: directory + "/state/cluster")
        #expect(file[.posixPermissions] as? Int == 0o600)
        let second = memory()
        await second.remember(recording(7))
        for _ in 0..<500 where await memory().recall() != recording(7) {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(await memory().recall() == recording(7))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory + "/state") == ["cluster"]
        )
    }

    @Test("What cannot be written or read is known until it can, and the old state stays")
    func problems() async throws {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let broken = memory(interval: .seconds(3600))
        try FileManager.default.createDirectory(
            atPath: directory + "/state/cluster.new",
            withIntermediateDirectories: true
        )
        for _ in 0..<2 {
            await broken.remember(recording(2))
            await broken.flush()
            let problem = await broken.problem
            #expect(problem?.contains("/state/cluster: cannot save the cluster state") == true)
        }
        try FileManager.default.removeItem(atPath: directory + "/state/cluster.new")
        await broken.remember(recording(2))
        await broken.flush()
        #expect(await broken.problem == nil)
        #expect(await broken.recall() == recording(2))
        try Data("nonsense".utf8).write(to: URL(fileURLWithPath: directory + "/state/cluster"))
        #expect(await broken.recall() == nil)
        let problem = await broken.problem
        #expect(problem?.hasSuffix("not a recording of this version for this proxy name") == true)
    }
}
