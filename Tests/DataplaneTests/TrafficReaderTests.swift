import Addressing
import Dataplane
import DataplaneModel
import Planning
import ServiceModel
import Synchronization
import Testing

@Suite("Reading counters")
struct TrafficReaderTests {
    private struct Source: TrafficSource {
        let readings: Counter
        let fails: Bool

        func read(
            _ owners: FrontendOwners
        ) throws(DataplaneError) -> [ServicePortName: PortTraffic]? {
            readings.add()
            if fails {
                throw DataplaneError(kind: .other, operation: "read", subject: "counters", errno: 5)
            }
            var traffic = PortTraffic(connections: 7)
            traffic.bytes = UInt64(owners.all.count)
            return Dictionary(uniqueKeysWithValues: owners.all.map { ($0, traffic) })
        }
    }

    private final class Counter: Sendable {
        private let number = Mutex(0)
        var value: Int { number.withLock { $0 } }
        func add() { number.withLock { $0 += 1 } }
    }

    private let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))

    private func snapshot() throws -> ServiceSnapshot {
        let name = ServiceName(namespace: "shop", name: "web")
        var snapshot = ServiceSnapshot(revision: 1)
        snapshot.services[name] = Service(
            name: name,
            clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
            ports: [ServicePort(port: try #require(PortNumber(80)))]
        )
        return snapshot
    }

    @Test("Readings close together are one, and a family that fails keeps the other from nothing")
    func readings() async throws {
        let readings = Counter()
        let start = ContinuousClock.now
        let now = Mutex(start)
        let clock = { @Sendable in now.withLock { $0 } }
        let reader = TrafficReader([.ipv4, .ipv6], now: clock) { () throws(DataplaneError) in
            [
                .ipv4: Source(readings: readings, fails: false),
                .ipv6: Source(readings: readings, fails: true),
            ]
        }
        let snapshot = try snapshot()
        let first = await reader.read(snapshot, settings)
        #expect(first.families.keys.sorted() == [.ipv4])
        #expect(first.families[.ipv4]?.values.map(\.connections) == [7])
        now.withLock { $0 += .milliseconds(2999) }
        _ = await reader.read(snapshot, settings)
        #expect(readings.value == 2)
        now.withLock { $0 += .milliseconds(1) }
        _ = await reader.read(snapshot, settings)
        #expect(readings.value == 4)
    }

    @Test("A kernel that cannot be opened has no counters")
    func unopened() async throws {
        let reader = TrafficReader([.ipv4]) { () throws(DataplaneError) in
            throw DataplaneError(kind: .notPermitted, operation: "setns", subject: "x", errno: 1)
        }
        #expect(await reader.read(try snapshot(), settings).families.isEmpty)
    }
}
