import Addressing
import KubernetesClient
import KubernetesTestServer
import ServiceModel
import Synchronization
import Testing

extension NetworkSuites {
    @Suite("NodeDirectory", .timeLimit(.minutes(10)))
    struct NodeDirectoryTests {
        private static let name = ServiceName(namespace: "shop", name: "web")

        private static func address(_ last: UInt32) -> IPAddress {
            IPAddress(ipv4: 0xc000_0200 + last)
        }

        /// One Service with these external addresses: all there is, or what changed.
        private static func update(_ addresses: UInt32..., isAll: Bool = false) -> SnapshotUpdate {
            var snapshot = ServiceSnapshot()
            snapshot.services[name] = Service(
                name: name,
                clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
                ports: PortNumber(80).map { [ServicePort(port: $0)] } ?? [],
                externalIPs: addresses.map(address)
            )
            return SnapshotUpdate(snapshot: snapshot, changed: isAll ? .all : .some([name]))
        }

        /// With an external address of its own.
        private static func service(_ last: UInt32) -> Service {
            Service(
                name: ServiceName(namespace: "shop", name: "web-\(last)"),
                clusterIPs: [IPAddress(ipv4: 0x0a60_0100 + last)],
                ports: PortNumber(80).map { [ServicePort(port: $0)] } ?? [],
                externalIPs: [address(100 + last)]
            )
        }

        private static func cluster() -> TestCluster {
            let cluster = TestCluster()
            for (name, addresses) in [("node-a", [11]), ("node-b", [12, 13]), ("node-c", [14])] {
                let addresses = addresses.map { address(UInt32($0)) }
                cluster.put(.node(ClusterNode(name: name, addresses: addresses)))
            }
            return cluster
        }

        private func withDirectory(
            fault: Fault? = nil,
            patience: Duration = .seconds(60),
            _ body: (NodeDirectory, _ lists: () -> Int) async throws -> Void
        ) async throws {
            try await withServer(Self.cluster()) { server, address in
                server.setFault { _ in fault }
                try await withSource([address]) { source in
                    let directory = NodeDirectory(
                        source,
                        ownName: "node-a",
                        patience: patience,
                        logger: .silent
                    )
                    try await body(directory) {
                        server.requests.count { $0.path == "/api/v1/nodes" }
                    }
                }
            }
        }

        @Test("Nodes are listed when a Service brings an address, and only then")
        func lists() async throws {
            try await withDirectory { directory, lists in
                #expect(await directory.owners(Self.update(isAll: true)) == [:])
                #expect(lists() == 0)
                // This node's address and an unassigned one belong to no other node.
                let first = await directory.owners(Self.update(11, 12, 99))
                #expect(first == [Self.address(12): "node-b"])
                #expect(await directory.owners(Self.update(11, 12, 99)) == first)
                #expect(await directory.owners(Self.update(12)) == first)
                #expect(lists() == 1)
                let more = await directory.owners(Self.update(12, 13, 14, isAll: true))
                #expect(more[Self.address(13)] == "node-b" && more[Self.address(14)] == "node-c")
                #expect(lists() == 2)
                #expect(await directory.owners(Self.update()) == [:])
            }
        }

        @Test("Addresses that arrive one by one share lists, and none is forgotten")
        func coalesces() async throws {
            let cluster = Self.cluster()
            let count: UInt32 = 20
            for last in 0..<count {
                let node = ClusterNode(
                    name: "node-x\(last)",
                    addresses: [Self.address(100 + last)]
                )
                cluster.put(.node(node))
            }
            try await withServer(cluster) { server, address in
                try await withSource([address]) { source in
                    let directory = NodeDirectory(source, ownName: "node-a", logger: .silent)
                    let start = ContinuousClock.now
                    let feed = Task {
                        for last in 0..<count {
                            cluster.put(.service(Self.service(last)))
                            // So that they come as many updates, and not as one.
                            try await Task.sleep(for: .milliseconds(50))
                        }
                    }
                    defer { feed.cancel() }
                    var owners: [IPAddress: String] = [:]
                    for await update in source.updates() {
                        owners = await directory.owners(update.update)
                        if update.update.snapshot.services.count == Int(count) { break }
                    }
                    // This node's Node object is requested with a selector.
                    let lists = server.requests.count {
                        $0.path == "/api/v1/nodes" && $0.query["fieldSelector"] == nil
                    }
                    let most = Int(start.duration(to: .now) / NodeDirectory.leastInterval) + 1
                    #expect(lists <= most)
                    #expect(owners.count == Int(count))
                    for last in 0..<count {
                        #expect(owners[Self.address(100 + last)] == "node-x\(last)")
                    }
                }
            }
        }

        @Test("Nothing waits for a list but the addresses that it is for")
        func passingOn() async throws {
            let cluster = Self.cluster()
            for last: UInt32 in 0..<2 {
                let addresses = [Self.address(100 + last)]
                cluster.put(.node(ClusterNode(name: "node-x\(last)", addresses: addresses)))
            }
            cluster.put(.service(Self.service(0)))
            try await withServer(cluster) { server, address in
                try await withSource([address]) { source in
                    let directory = NodeDirectory(source, ownName: "node-a", logger: .silent)
                    let received = Received()
                    let feed = Task {
                        for await update in source.updates() {
                            await directory.passOn(update) { received.add($0) }
                        }
                    }
                    let lister = Task { await directory.run { received.add($0) } }
                    defer {
                        feed.cancel()
                        lister.cancel()
                    }
                    // Known from the first update on: an earlier run may serve it.
                    #expect(await eventually { !received.all.isEmpty })
                    let first = try #require(received.all.first)
                    #expect(first.otherNodes == [Self.address(100): "node-x0"])
                    #expect(first.externalIPs(0) == [Self.address(100)])

                    server.setFault { request in
                        request.path == "/api/v1/nodes" && request.query["fieldSelector"] == nil
                            ? .delay(.seconds(2)) : nil
                    }
                    cluster.put(.service(Self.service(1)))
                    #expect(
                        await eventually {
                            received.all.last?.update.snapshot.services.count == 2
                        }
                    )
                    // And what comes while it waits.
                    var plain = Self.service(2)
                    plain.externalIPs = []
                    cluster.put(.service(plain))
                    #expect(
                        await eventually {
                            received.all.last?.externalIPs(1) == [Self.address(101)]
                        }
                    )
                    let all = received.all
                    let waiting = all.filter { $0.externalIPs(1) == [] }
                    #expect(Set(waiting.map(\.update.snapshot.services.count)) == [2, 3])
                    #expect(waiting.allSatisfy { $0.otherNodes == first.otherNodes })
                    let known = try #require(
                        all.first { $0.externalIPs(1) == [Self.address(101)] }
                    )
                    #expect(known.otherNodes[Self.address(101)] == "node-x1")
                    #expect(known.update.changed == .some([Self.service(1).name]))
                    let revisions = all.map(\.update.snapshot.revision)
                    #expect(revisions == revisions.sorted())
                }
            }
        }

        @Test("An address that all Services gave up is news when it comes back")
        func shrinks() async throws {
            try await withDirectory { directory, lists in
                #expect(await directory.owners(Self.update(12)) == [Self.address(12): "node-b"])
                // The list for this one forgets the other.
                #expect(await directory.owners(Self.update(14)) == [Self.address(14): "node-c"])
                #expect(lists() == 2)
                let start = ContinuousClock.now
                #expect(await directory.owners(Self.update(12)) == [Self.address(12): "node-b"])
                #expect(lists() == 3)
                // It comes at once, so it waited for the time of the next list, which is twice as long by now.
                #expect(start.duration(to: .now) > NodeDirectory.leastInterval * 1.5)
            }
        }

        @Test(
            "A server that refuses or does not answer holds nothing up for long",
            arguments: [
                Fault.stall, .status(ServedStatus(code: 403, reason: "Forbidden")), .garbage,
            ]
        )
        func failures(_ fault: Fault) async throws {
            try await withDirectory(fault: fault, patience: .milliseconds(300)) {
                directory,
                lists in
                #expect(await directory.owners(Self.update(12)) == [:])
                let asked = lists()
                // News do not wait for the same server again.
                #expect(await directory.owners(Self.update(13)) == [:])
                #expect(lists() == asked)
            }
        }
    }
}

extension KubernetesUpdate {
    /// Of the Service with that number.
    fileprivate func externalIPs(_ number: Int) -> [IPAddress]? {
        update.snapshot.services[ServiceName(namespace: "shop", name: "web-\(number)")]?.externalIPs
    }
}

/// Updates that were passed on.
private final class Received: Sendable {
    private let updates = Mutex<[KubernetesUpdate]>([])

    var all: [KubernetesUpdate] { updates.withLock { $0 } }

    func add(_ update: KubernetesUpdate) { updates.withLock { $0.append(update) } }
}
