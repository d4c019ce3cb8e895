import Addressing
import KubernetesClient
import KubernetesTestServer
import ServiceModel
import Testing

extension NetworkSuites {
    @Suite("NodeDirectory", .timeLimit(.minutes(5)))
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
                // It comes at once, so it waited for the time of the next list.
                #expect(start.duration(to: .now) > NodeDirectory.leastInterval / 2)
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
