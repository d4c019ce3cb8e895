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
            interval: interval,
            retryInterval: interval
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
        #expect(await eventually { await memory().recall() == recording(7) })
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

    private var path: String { directory + "/state/cluster" }

    private func content() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    private func name(_ index: Int) -> ServiceName {
        ServiceName(namespace: "shop", name: "s\(index)")
    }

    private func withDirectory(_ body: () async throws -> Void) async throws {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body()
    }

    @Test("A change appends what changed, whatever the size of the cluster")
    func appending() async throws {
        var grown: [Int] = []
        for size in [10, 1000] {
            try await withDirectory {
                let memory = memory(interval: .seconds(3600))
                var state = recording(size)
                await memory.remember(state)
                await memory.flush()
                let base = try content()
                state.services[name(3)]?.clusterIPs = [IPAddress(ipv4: 0x0a60_7777)]
                state.services[name(4)] = nil
                await memory.remember(state, changed: .some([name(3), name(4)]))
                await memory.flush()
                let file = try content()
                #expect(file.starts(with: base))
                grown.append(file.count - base.count)
                state.serviceCIDRs = [IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 16)]
                await memory.remember(state, changed: .some([]))
                await memory.flush()
                #expect(try content().count < file.count + 100)
                #expect(await self.memory().recall() == state)
                let facts = await self.memory().recall(services: false)
                #expect(facts == ClusterRecording(serviceCIDRs: state.serviceCIDRs))
            }
        }
        #expect(grown[0] == grown[1])
    }

    @Test("The first save after a restart writes only what differs from the file")
    func restartWritesDifference() async throws {
        try await withDirectory {
            var state = recording(200)
            let first = memory(interval: .seconds(3600))
            await first.remember(state)
            await first.flush()
            let base = try content()
            let same = memory(interval: .seconds(3600))
            await same.remember(state)
            await same.flush()
            #expect(try content() == base)
            state.services[name(7)] = nil
            let other = memory(interval: .seconds(3600))
            await other.remember(state)
            await other.flush()
            let grown = try content()
            #expect(grown.starts(with: base))
            #expect((1..<200).contains(grown.count - base.count))
            #expect(await memory().recall() == state)
            let again = memory(interval: .seconds(3600))
            await again.remember(state)
            await again.flush()
            #expect(try content() == grown)
        }
    }

    @Test("What a crash cut off is left out and named, and does not stay in the file")
    func tornTail() async throws {
        try await withDirectory {
            let writer = memory(interval: .seconds(3600))
            let before = recording(20)
            await writer.remember(before)
            await writer.flush()
            let base = try content()
            let after = recording(21)
            await writer.remember(after, changed: .some([name(20)]))
            await writer.flush()
            let whole = try content()
            for length in base.count + 1..<whole.count {
                try whole.prefix(length).write(to: URL(fileURLWithPath: path))
                let reader = memory()
                #expect(await reader.recall() == before)
                let problem = await reader.problem
                let cut = length - base.count
                #expect(problem?.contains("the last \(cut) bytes are incomplete") == true)
            }
            for index in [base.count, base.count + 13, whole.count - 1] {
                var flipped = whole
                flipped[index] ^= 4
                try flipped.write(to: URL(fileURLWithPath: path))
                #expect(await memory().recall() == before)
            }
            let next = memory(interval: .seconds(3600))
            await next.remember(after)
            await next.flush()
            #expect(try content() == whole)
        }
    }

    @Test("A damaged base is refused whole and written anew")
    func damagedBase() async throws {
        try await withDirectory {
            let state = recording(20)
            let writer = memory(interval: .seconds(3600))
            await writer.remember(state)
            await writer.flush()
            let whole = try content()
            for index in stride(from: 0, to: whole.count, by: 7) {
                var flipped = whole
                flipped[index] ^= 0x10
                try flipped.write(to: URL(fileURLWithPath: path))
                #expect(await memory().recall() == nil)
                try whole.prefix(index).write(to: URL(fileURLWithPath: path))
                #expect(await memory().recall() == nil)
            }
            let next = memory(interval: .seconds(3600))
            await next.remember(state)
            await next.flush()
            #expect(await memory().recall() == state)
        }
    }

    @Test("The file does not outgrow the state: it is written anew, and what it holds stays")
    func compaction() async throws {
        try await withDirectory {
            var state = recording(50)
            let writer = memory(interval: .seconds(3600))
            await writer.remember(state)
            await writer.flush()
            let base = try content().count
            var largest = 0
            var shrunk = 0
            var last = base
            for round in 0..<400 {
                for index in 0..<50 {
                    let address = IPAddress(ipv4: 0x0a61_0000 + UInt32(round * 50 + index))
                    state.services[name(index)]?.clusterIPs = [address]
                }
                await writer.remember(state, changed: .some(Set((0..<50).map(name))))
                await writer.flush()
                let size = try content().count
                largest = max(largest, size)
                if size < last { shrunk += 1 }
                last = size
            }
            #expect(largest <= base + (1 << 20) + 1000)
            #expect((1...4).contains(shrunk))
            #expect(await memory().recall() == state)
        }
    }

    @Test("The file of a cluster that has shrunk shrinks with it, in one run and over a restart")
    func shrinkage() async throws {
        for restarts in [false, true] {
            try await withDirectory {
                var writer = memory(interval: .seconds(3600))
                let large = recording(20_000)
                await writer.remember(large)
                await writer.flush()
                let base = try content().count
                #expect(base > 1 << 20)
                if restarts { writer = memory(interval: .seconds(3600)) }
                // A half of it still serves the next start.
                let half = recording(10_000)
                await writer.remember(half, changed: .some(Set((10_000..<20_000).map(name))))
                await writer.flush()
                #expect(try content().count > base)
                if restarts { writer = memory(interval: .seconds(3600)) }
                let small = recording(10)
                await writer.remember(small, changed: .some(Set((10..<10_000).map(name))))
                await writer.flush()
                #expect(try content().count < base / 1000)
                #expect(await memory().recall() == small)
            }
        }
    }

    @Test("It shrinks as well when Services stay but lose their endpoints")
    func lostEndpoints() async throws {
        for restarts in [false, true] {
            try await withDirectory {
                var writer = memory(interval: .seconds(3600))
                var state = recording(1000)
                let full = (0..<60).map { Endpoint(address: IPAddress(ipv4: 0x0ab4_0001 + $0)) }
                func give(_ endpoints: [Endpoint], to numbers: Range<Int>) async throws {
                    for index in numbers {
                        state.slices[name(index)] = [
                            EndpointSlice(
                                name: "s\(index)-1",
                                service: name(index),
                                family: .ipv4,
                                ports: [],
                                endpoints: endpoints
                            )
                        ]
                    }
                    if restarts { writer = memory(interval: .seconds(3600)) }
                    await writer.remember(state, changed: .some(Set(numbers.map(name))))
                    await writer.flush()
                }
                try await give(full, to: 0..<1000)
                let base = try content().count
                #expect(base > 1 << 20)
                try await give([], to: 0..<500)
                #expect(try content().count > base)
                try await give([], to: 500..<990)
                let small = try content().count
                #expect(small < base / 4)
                #expect(await memory().recall() == state)
                // Not again with each change.
                try await give(full, to: 0..<1)
                #expect(try content().count > small)
            }
        }
    }

    @Test("Slices of Services that are another proxy's do not make it shrink again and again")
    func slicesAlone() async throws {
        try await withDirectory {
            let writer = memory(interval: .seconds(3600))
            var state = recording(1)
            for index in 0..<20_000 {
                state.slices[name(index)] = [
                    EndpointSlice(
                        name: "s\(index)-1",
                        service: name(index),
                        family: .ipv4,
                        ports: [],
                        endpoints: [Endpoint(address: IPAddress(ipv4: 0x0ab4_0001 + UInt32(index)))]
                    )
                ]
            }
            await writer.remember(state)
            await writer.flush()
            let base = try content().count
            #expect(base > 1 << 20)
            state.slices[name(1)] = nil
            await writer.remember(state, changed: .some([name(1)]))
            await writer.flush()
            // Appended, and not written anew.
            #expect(try content().count > base)
            #expect(await memory().recall() == state)
        }
    }

    @Test("A file that another program shortened is written anew by the next save")
    func shortened() async throws {
        try await withDirectory {
            let state = recording(20)
            let writer = memory(interval: .seconds(3600))
            await writer.remember(state)
            await writer.flush()
            try content().prefix(50).write(to: URL(fileURLWithPath: path))
            await writer.remember(state, changed: .some([name(1)]))
            await writer.flush()
            #expect(
                await writer.problem?.hasSuffix("another program has shortened the file") == true
            )
            await writer.flush()
            #expect(await writer.problem == nil)
            #expect(await memory().recall() == state)
        }
    }

    @Test("A file that was removed is written anew by the same save")
    func removed() async throws {
        try await withDirectory {
            let state = recording(20)
            let writer = memory(interval: .seconds(3600))
            await writer.remember(state)
            await writer.flush()
            try FileManager.default.removeItem(atPath: path)
            await writer.remember(state, changed: .some([name(1)]))
            await writer.flush()
            #expect(await writer.problem == nil)
            #expect(await memory().recall() == state)
        }
    }

    @Test("A Node that no API server has reported yet does not replace that of an earlier run")
    func unknownNode() async throws {
        try await withDirectory {
            var known = recording(3)
            known.node = NodeObject(name: "node-a", zone: "zone-1")
            let first = memory(interval: .seconds(3600))
            await first.remember(known)
            await first.flush()
            let second = memory(interval: .seconds(3600))
            for _ in 0..<2 {
                await second.remember(recording(4))
                await second.flush()
                #expect(await memory().recall()?.node == known.node)
            }
        }
    }

    @Test("Ranges that no API server has reported yet do not replace those of an earlier run")
    func unknownRanges() async throws {
        try await withDirectory {
            var known = recording(3)
            known.serviceCIDRs = [IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 16)]
            let first = memory(interval: .seconds(3600))
            await first.remember(known)
            await first.flush()
            let second = memory(interval: .seconds(3600))
            for _ in 0..<2 {
                await second.remember(recording(4))
                await second.flush()
                let saved = await memory().recall()
                #expect(saved?.services.count == 4)
                #expect(saved?.serviceCIDRs == known.serviceCIDRs)
            }
        }
    }
}
