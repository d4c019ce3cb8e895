import Addressing
import Dataplane
import DataplaneModel
import HostFacts
import IPVS
import Netlink
import Planning
import ServiceModel
import Testing
import XTables

/// What passes cost in ipvs mode, counted in messages rather than in time.
@Suite("Scale of ipvs mode in UML", .enabled(if: isUML))
@KernelThread
struct IPVSScaleUMLTests {
    private static let sizes = [100, 3000]

    @Test("One endpoint is one message, among 100 Services and among 3000")
    func oneEndpoint() throws {
        for size in Self.sizes {
            var node = try ScaleNode(services: size)
            #expect(try node.messages { $0.setEndpoints([1, 2]) } == 1, "one less of \(size)")
            #expect(try node.messages { $0.setEndpoints([1, 2, 3]) } == 1, "back among \(size)")
            #expect(try node.messages { $0.setEndpoints([1, 2, 3, 4]) } == 1, "new among \(size)")
            #expect(try node.messages { $0.setEndpoints([2, 3, 4, 5]) } == 2, "other of \(size)")
            try node.expectInSync()
        }
    }

    @Test("A change opens no socket")
    func sockets() throws {
        var node = try ScaleNode(services: 10)
        let sockets = try openNetlinkSockets()
        #expect(try node.messages { $0.setEndpoints([1, 2]) } == 1)
        _ = try node.messages { $0.removeService() }
        _ = try node.messages { $0.setEndpoints([1, 2, 3]) }
        #expect(try openNetlinkSockets() == sockets)
    }

    @Test("A Service that comes or goes costs the same among 100 Services and among 3000")
    func oneService() throws {
        var counts: [[Int]] = []
        for size in Self.sizes {
            var node = try ScaleNode(services: size)
            let going = try node.messages { $0.removeService() }
            let coming = try node.messages { $0.setEndpoints([1, 2, 3]) }
            counts.append([going, coming])
            try node.expectInSync()
        }
        #expect(counts[0] == counts[1])
        // A virtual server, real servers, entries of three sets, an address; and questions before.
        #expect(counts[1].allSatisfy { $0 < 25 }, "\(counts)")
    }

    @Test("A pass that has nothing to do says nothing")
    func nothingToDo() throws {
        var node = try ScaleNode(services: 100)
        #expect(try node.messages { $0.setEndpoints([1, 2, 3]) } == 0)
    }

    @Test("Packed or one by one, the kernel holds the same in the end")
    func packing() throws {
        let packed = try ScaleNode(services: 1200)
        #expect(packed.traffic.sends * 20 < packed.traffic.messages)
        let state = try packed.store.observe().state
        let single = try ScaleNode(services: 1200, traffic: .oneByOne())
        #expect(single.traffic.sends == single.traffic.messages)
        // A virtual server, three real ones, an address, and its entries in three sets.
        #expect(single.traffic.messages > 1200 * (1 + 3 + 1 + 3))
        #expect(try single.store.observe().state == state)
    }
}

/// A new namespace with Services of three endpoints each, programmed by what the daemon has.
@KernelThread
private struct ScaleNode {
    let store: IPVSStore
    var traffic: NetlinkTraffic { store.traffic }
    private var reconciler: FamilyReconciler<IPVSPlanner, IPVSStore>
    private var snapshot = ServiceSnapshot(revision: 1)
    /// The Service that the tests change.
    private let name: ServiceName

    init(services: Int, traffic: NetlinkTraffic = NetlinkTraffic()) throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "set", "lo", "up"])
        let settings = PlannerSettings(
            node: NodeIdentity(name: "node"),
            detector: .sources([IPPrefix(IPAddress(ipv4: 0x0a80_0000), length: 9)])
        )
        store = IPVSStore(
            family: .ipv4,
            IPVSStore.Configuration(
                // Not the machine's, which daemons and tools of other suites hold, too.
                lock: XTablesLock.Configuration(path: TestDirectory.lock),
                drainTimeout: .seconds(600),
                addressSet: NameScheme.set(.addresses, .ipv4)
            ),
            traffic: traffic
        )
        reconciler = FamilyReconciler(
            desired: DesiredState(family: .ipv4, settings: settings),
            planner: IPVSPlanner(family: .ipv4, settings: settings),
            store: store
        )
        name = Self.name(services / 2)
        for number in 0..<services { set(number, endpoints: [1, 2, 3]) }
        let update = SnapshotUpdate(snapshot: snapshot, changed: .all)
        #expect(try reconciler.pass(update, observe: true).apply.failures == [])
    }

    private static func name(_ number: Int) -> ServiceName {
        ServiceName(namespace: "scale", name: "service-\(number)")
    }

    private mutating func set(_ number: Int, endpoints: [Int]) {
        let name = Self.name(number)
        let vip = address("10.96.\(number / 200).\(1 + number % 200)", 80)
        snapshot.services[name] = Service(
            name: name,
            clusterIPs: [vip.address],
            ports: [ServicePort(port: vip.port)]
        )
        let endpoints = endpoints.map { member in
            address("10.128.\(number / 200).\(member * 40 + number % 40)", 8080)
        }
        snapshot.slices[name] = [
            EndpointSlice(
                name: "\(name.name)-1",
                service: name,
                family: .ipv4,
                ports: endpoints.first.map { [EndpointPort(port: $0.port)] } ?? [],
                endpoints: endpoints.map { Endpoint(address: $0.address) }
            )
        ]
    }

    mutating func setEndpoints(_ endpoints: [Int]) {
        set(Int(name.name.drop { $0 != "-" }.dropFirst()) ?? 0, endpoints: endpoints)
    }

    mutating func removeService() {
        snapshot.services[name] = nil
        snapshot.slices[name] = nil
    }

    /// The netlink messages of the pass that follows a change.
    mutating func messages(_ change: (inout ScaleNode) -> Void) throws -> Int {
        change(&self)
        snapshot.revision += 1
        let before = traffic.messages
        let update = SnapshotUpdate(snapshot: snapshot, changed: .some([name]))
        #expect(try reconciler.pass(update, observe: false).apply.failures == [])
        return traffic.messages - before
    }

    /// Nothing differs from what is wanted.
    mutating func expectInSync() throws {
        let update = SnapshotUpdate(snapshot: snapshot, changed: .all)
        let report = try reconciler.pass(update, observe: true)
        #expect(
            report.changedServices == 0 && report.drift == 0 && report.apply == ApplyReport(),
            "\(report)"
        )
    }
}
