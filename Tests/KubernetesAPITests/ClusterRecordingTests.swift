import Addressing
import KubernetesAPI
import ServiceModel
import TestSupport
import Testing

@Suite("Recorded clusters")
struct ClusterRecordingTests {
    private static let settings = DecodingSettings(serviceProxyName: "blue")

    private func recording(seed: UInt64, changes: Int) -> ClusterRecording {
        var random = RandomSnapshots(seed: seed)
        for _ in 0..<changes { _ = random.next() }
        var snapshot = random.snapshot
        // Services of a cluster have a ClusterIP in each of their families.
        for (name, service) in snapshot.services {
            let isComplete = Set(service.clusterIPs.map(\.family)) == service.families
            guard isComplete, !service.clusterIPs.isEmpty else {
                snapshot.services[name] = nil
                continue
            }
            snapshot.services[name]?.origin = .cluster
        }
        return ClusterRecording(
            services: snapshot.services,
            slices: snapshot.slices,
            node: NodeObject(
                name: "node-a",
                internalIPs: ["192.0.2.1", "fd00::1"].compactMap { IPAddress($0) },
                externalIPs: ["198.51.100.7"].compactMap { IPAddress($0) },
                podCIDRs: ["10.1.0.0/24"].compactMap { IPPrefix($0) },
                zone: "zone-1"
            ),
            serviceCIDRs: ["10.96.0.0/12", "fd00:96::/112"].compactMap { IPPrefix($0) }
        )
    }

    @Test("What is recorded comes back equal", arguments: 1...20)
    func roundTrip(_ seed: Int) throws {
        let written = recording(seed: UInt64(seed), changes: 300)
        #expect(written.services.count > 3)
        let bytes = try written.encoded(Self.settings)
        #expect(try ClusterRecording(bytes, Self.settings) == written)
        let nothing = ClusterRecording()
        #expect(try ClusterRecording(nothing.encoded(Self.settings), Self.settings) == nothing)
    }

    @Test("A damaged, cut or foreign recording is refused whole")
    func damage() throws {
        let bytes = try recording(seed: 1, changes: 60).encoded(Self.settings)
        for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 200)) {
            #expect(throws: APIDecodingError.self) {
                try ClusterRecording(Array(bytes.prefix(length)), Self.settings)
            }
            var flipped = bytes
            flipped[length] ^= 0x10
            #expect(throws: APIDecodingError.self) {
                try ClusterRecording(flipped, Self.settings)
            }
        }
        #expect(throws: APIDecodingError.self) {
            try ClusterRecording(bytes, DecodingSettings())
        }
    }
}
