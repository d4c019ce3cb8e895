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
            let isComplete = IPFamilies(service.clusterIPs.map(\.family)) == service.families
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

    @Test("Records come back equal, and say what they are about", arguments: 1...20)
    func roundTrip(_ seed: Int) throws {
        let written = recording(seed: UInt64(seed), changes: 300)
        #expect(written.services.count > 3)
        var read = ClusterRecording()
        let gone = ServiceName(namespace: "shop", name: "gone")
        read.services[gone] = Service(name: gone)
        read.slices[gone] = written.slices.values.first { _ in true }
        let records =
            written.names.map { written.record(of: $0) }
            + [written.facts, .baseEnd, .service(gone, nil, [])]
        for record in records {
            var bytes: [UInt8] = [7]
            let sum = try record.append(to: &bytes)
            var again: [UInt8] = [7]
            try record.append(to: &again)
            #expect(again == bytes)
            let header = ClusterRecord.header(bytes[1..<1 + ClusterRecord.headerLength])
            let body = bytes.dropFirst(1 + ClusterRecord.headerLength)
            #expect(header == (body.count, sum))
            #expect(ClusterRecord.checksum(body) == sum)
            #expect(try ClusterRecord.subject(of: body) == record.subject)
            #expect(try ClusterRecord(body) == record)
            read.apply(try ClusterRecord(body))
        }
        #expect(read == written)
    }

    @Test("A body of another form is refused, wherever it is cut")
    func bodies() throws {
        let written = recording(seed: 3, changes: 60)
        let name = try #require(written.slices.keys.first { written.services[$0] != nil })
        var bytes: [UInt8] = []
        try written.record(of: name).append(to: &bytes)
        let body = bytes.dropFirst(ClusterRecord.headerLength)
        var refused = 0
        for length in 0..<body.count {
            do {
                // A cut between two fields is a record with fewer of them.
                #expect(try ClusterRecord(body.prefix(length)).subject == .service(name))
            } catch is APIDecodingError {
                refused += 1
            }
        }
        #expect(refused > body.count / 2)
        #expect(throws: APIDecodingError.self) { try ClusterRecord([9, 1, 2, 3][...]) }
    }

    @Test("The first format is still read", arguments: 1...5)
    func firstFormat(_ seed: Int) throws {
        let written = recording(seed: UInt64(seed), changes: 300)
        let bytes = try written.encodedInFirstFormat(Self.settings)
        #expect(try ClusterRecording(firstFormat: bytes, Self.settings) == written)
        let nothing = ClusterRecording()
        let empty = try nothing.encodedInFirstFormat(Self.settings)
        #expect(try ClusterRecording(firstFormat: empty, Self.settings) == nothing)
    }

    @Test("A damaged, cut or foreign file of the first format is refused whole")
    func damage() throws {
        let bytes = try recording(seed: 1, changes: 60).encodedInFirstFormat(Self.settings)
        for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 200)) {
            #expect(throws: APIDecodingError.self) {
                try ClusterRecording(firstFormat: Array(bytes.prefix(length)), Self.settings)
            }
            var flipped = bytes
            flipped[length] ^= 0x10
            #expect(throws: APIDecodingError.self) {
                try ClusterRecording(firstFormat: flipped, Self.settings)
            }
        }
        #expect(throws: APIDecodingError.self) {
            try ClusterRecording(firstFormat: bytes, DecodingSettings())
        }
    }
}
