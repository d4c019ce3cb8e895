import Addressing
import KubernetesAPI
import KubernetesClient
import KubernetesTestServer
import Logging
import ServiceModel
import Synchronization
import Testing

extension NetworkSuites {
    @Suite("KubernetesSource", .timeLimit(.minutes(10)))
    struct KubernetesSourceTests {
        private static func service(_ index: Int) -> Service {
            Service(
                name: ServiceName(namespace: "shop", name: "s\(index)"),
                clusterIPs: [IPAddress(ipv4: 0x0a60_0001 + UInt32(index))],
                ports: PortNumber(80).map { [ServicePort(name: "http", port: $0)] } ?? []
            )
        }

        private static func slice(_ index: Int, endpoints: Int = 1) -> EndpointSlice {
            EndpointSlice(
                name: "s\(index)-a",
                service: ServiceName(namespace: "shop", name: "s\(index)"),
                family: .ipv4,
                ports: PortNumber(8080).map { [EndpointPort(name: "http", port: $0)] } ?? [],
                endpoints: (0..<endpoints).map {
                    Endpoint(
                        address: IPAddress(ipv4: 0x0ab4_0000 + UInt32(index * endpoints + $0)),
                        nodeName: "node-\($0)",
                        zone: "zone-a"
                    )
                }
            )
        }

        private static func cluster(_ count: Int, endpoints: Int = 1) -> TestCluster {
            let cluster = TestCluster()
            cluster.put((0..<count).map { .service(service($0)) })
            cluster.put((0..<count).map { .slice(slice($0, endpoints: endpoints)) })
            return cluster
        }

        @Test("The first update has everything, and comes when both lists are here")
        func firstUpdate() async throws {
            let cluster = Self.cluster(3)
            cluster.put([
                .node(
                    ClusterNode(
                        name: "node-a",
                        zone: "zone-a",
                        addresses: [IPAddress(ipv4: 0xc000_0201)],
                        podCIDRs: [IPPrefix(IPAddress(ipv4: 0x0a01_0000), length: 24)]
                    )
                ),
                .node(ClusterNode(name: "node-b")),
                .serviceCIDR(name: "a", [IPPrefix(IPAddress(ipv4: 0x0a60_0000), length: 16)]),
            ])
            try await withServer(cluster) { server, address in
                server.setFault { $0.path.hasSuffix("endpointslices") ? .stall : nil }
                try await withSource([address]) { source in
                    var updates = source.updates().makeAsyncIterator()
                    async let first = updates.next()
                    let others = await eventually {
                        let state = await source.state()
                        return state.resources[.services]?.lists == 1
                            && state.resources[.nodes]?.lists == 1
                            && state.resources[.serviceCIDRs]?.lists == 1
                    }
                    #expect(others)
                    #expect(await source.state().isComplete == false)
                    server.setFault { _ in nil }
                    server.dropConnections()
                    let update = await first
                    #expect(update?.update.changed == .all)
                    #expect(update?.update.snapshot.services.count == 3)
                    #expect(update?.update.snapshot.slices.count == 3)
                    #expect(update?.node?.name == "node-a")
                    #expect(update?.node?.podCIDRs.map(\.description) == ["10.1.0.0/24"])
                    #expect(update?.serviceCIDRs.map(\.description) == ["10.96.0.0/16"])
                }
            }
        }

        @Test(
            "Updates say what the server has not answered for, and the last one comes without news"
        )
        func unanswered() async throws {
            let cluster = Self.cluster(1)
            try await withServer(cluster) { server, address in
                server.setFault { request in
                    ["nodes", "servicecidrs"].contains { request.path.hasSuffix($0) } ? .stall : nil
                }
                try await withSource([address]) { source in
                    var updates = source.updates().makeAsyncIterator()
                    #expect(await updates.next()?.unanswered == [.nodes, .serviceCIDRs])
                    // There is neither a Node nor a range, which is an answer, too.
                    server.setFault { _ in nil }
                    server.dropConnections()
                    var last: KubernetesUpdate?
                    repeat { last = await updates.next() } while last?.unanswered.isEmpty == false
                    #expect(last?.unanswered == [])
                    #expect(last?.node == nil)
                    #expect(last?.update.changed == .some([]))
                }
            }
        }

        @Test("A resource that the server does not have is answered for", arguments: [403, 404])
        func absent(code: Int) async throws {
            try await withServer(Self.cluster(1)) { server, address in
                server.setFault { request in
                    request.path.hasSuffix("servicecidrs")
                        ? .status(ServedStatus(code: code, reason: "Refused")) : nil
                }
                try await withSource([address]) { source in
                    var last: KubernetesUpdate?
                    for await update in source.updates() {
                        last = update
                        if update.unanswered.isEmpty { break }
                    }
                    #expect(last?.serviceCIDRs == [])
                }
            }
        }

        @Test("Requests select this proxy's objects")
        func selectors() async throws {
            try await withServer { server, address in
                try await withSource([address], settings: { $0.serviceProxyName = "mine" }) {
                    source in
                    var updates = source.updates().makeAsyncIterator()
                    _ = await updates.next()
                    _ = await eventually { server.requests.count >= 4 }
                }
                func query(_ end: String) -> [String: String]? {
                    server.requests.first { $0.path.hasSuffix(end) }?.query
                }
                let services = query("/services")
                #expect(
                    services?["labelSelector"] == "service.kubernetes.io/service-proxy-name=mine"
                )
                #expect(services?["fieldSelector"] == "spec.clusterIP!=None")
                #expect(services?["sendInitialEvents"] == "true")
                #expect(services?["resourceVersionMatch"] == "NotOlderThan")
                #expect(services?["allowWatchBookmarks"] == "true")
                #expect(
                    query("/endpointslices")?["labelSelector"] == "!service.kubernetes.io/headless"
                )
                #expect(query("/nodes")?["fieldSelector"] == "metadata.name=node-a")
            }
        }

        @Test("What a watch deletes is deleted, and what a list after a gap lacks is missing")
        func removals() async throws {
            let cluster = Self.cluster(3)
            func delete(_ index: Int) {
                let service = ClusterKey(namespace: "shop", name: "s\(index)")
                cluster.delete(.services, service)
                let slice = ClusterKey(namespace: "shop", name: "s\(index)-a")
                cluster.delete(.endpointSlices, slice)
            }
            try await withServer(cluster) { server, address in
                try await withSource([address]) { source in
                    var updates = source.updates().makeAsyncIterator()
                    #expect(await updates.next()?.update.removals.isEmpty == true)
                    for (index, kind) in [(0, Removals.Kind.deleted), (1, .missing)] {
                        if kind == .missing {
                            // No watch delivers it, and the server does not keep it.
                            server.setFault { _ in .drop }
                            server.dropConnections()
                            delete(index)
                            cluster.compact()
                            server.setFault { _ in nil }
                        } else {
                            delete(index)
                        }
                        var removals = Removals()
                        let name = Self.service(index).name
                        while removals.services[name] == nil || removals.slices[name] == nil,
                            let update = await updates.next()
                        {
                            removals.merge(update.update.removals)
                        }
                        #expect(removals.services == [name: kind])
                        #expect(removals.slices == [name: ["s\(index)-a": kind]])
                    }
                }
            }
        }

        @Test("A slow reader gets one update for many changes, and all trigger times")
        func coalescing() async throws {
            let cluster = Self.cluster(3)
            try await withServer(cluster) { _, address in
                try await withSource([address]) { source in
                    var updates = source.updates().makeAsyncIterator()
                    _ = await updates.next()
                    for port in 1...50 {
                        var service = Self.service(0)
                        service.ports[0].nodePort = PortNumber(30000 + port)
                        service.kind = .nodePort
                        cluster.put(.service(service))
                    }
                    var slice = Self.slice(1)
                    slice.endpoints[0].ready = false
                    cluster.put(.slice(slice, triggerTime: "2099-01-01T00:00:00.5Z"))
                    let name = Self.service(0).name
                    let arrived = await eventually {
                        let resources = await source.state().resources
                        let version = "\(cluster.version)"
                        return resources[.endpointSlices]?.resourceVersion == version
                            && resources[.services]?.resourceVersion == version
                    }
                    #expect(arrived)
                    let update = await updates.next()
                    #expect(update?.update.changed == .some([name, slice.service]))
                    #expect(
                        update?.update.snapshot.services[name]?.ports.first?.nodePort?.value
                            == 30050
                    )
                    #expect(
                        update?.triggers
                            == [
                                slice.service: [
                                    EndpointTrigger(
                                        family: .ipv4,
                                        time: APITime(
                                            seconds: 4_070_908_800,
                                            nanoseconds: 500_000_000
                                        )
                                    )
                                ]
                            ]
                    )
                }
            }
        }

        @Test("A server of old: JSON, no watch-list, no selector, no ServiceCIDRs, lists in pages")
        func oldServer() async throws {
            let cluster = Self.cluster(1200)
            var options = ServerOptions()
            options.encodings = [.json]
            options.watchList = .refused
            options.knowsClusterIPSelector = false
            options.resources = [.services, .endpointSlices, .nodes]
            try await withServer(cluster, options) { server, address in
                try await withSource([address], speed: 20) { source in
                    var updates = source.updates().makeAsyncIterator()
                    let first = await updates.next()
                    #expect(first?.update.snapshot.services.count == 1200)
                    #expect(server.requests.contains { $0.query["continue"] != nil })
                    cluster.put(.service(Self.service(1200)))
                    while let next = await updates.next(),
                        next.update.snapshot.services.count < 1201
                    {}
                    let ranges = await source.state().resources[.serviceCIDRs]
                    #expect(ranges?.phase == .absent)
                    #expect(ranges?.failures == 0)
                    #expect(await source.state().isConnected)
                }
            }
        }

        @Test("When the server goes, what it said stays; the next one is followed from there")
        func failover() async throws {
            let cluster = Self.cluster(2)
            try await withServer(cluster) { first, firstAddress in
                try await withServer(cluster) { second, secondAddress in
                    try await withSource([firstAddress, secondAddress], speed: 20) { source in
                        var updates = source.updates().makeAsyncIterator()
                        var opening = await updates.next()
                        while opening?.unanswered.isEmpty == false {
                            opening = await updates.next()
                        }
                        #expect(opening?.update.snapshot.services.count == 2)
                        #expect(await source.state().resources[.services]?.server == firstAddress)
                        await first.stop()
                        cluster.put(.service(Self.service(2)))
                        #expect(await updates.next()?.update.snapshot.services.count == 3)
                        #expect(await source.state().resources[.services]?.server == secondAddress)
                        // The watch went on from where it was.
                        let watches = second.requests.filter { $0.path.hasSuffix("/services") }
                        #expect(watches.allSatisfy { $0.query["sendInitialEvents"] == nil })
                        await second.stop()
                        let noticed = await eventually {
                            let state = await source.state()
                            let error = state.resources[.services]?.lastError
                            return !state.isConnected
                                && error?.contains("Connection refused") == true
                        }
                        #expect(noticed)
                    }
                }
            }
        }

        @Test("Over HTTP/2 all watches share one connection")
        func http2() async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                var options = ServerOptions()
                options.tls = try authority.server()
                options.servesHTTP2 = true
                let cluster = Self.cluster(300, endpoints: 10)
                try await withServer(cluster, options) { server, address in
                    var settings = KubernetesSource.Settings(logger: .silent)
                    settings.nodeName = "node-a"
                    let source = try KubernetesSource(
                        settings,
                        access: ClusterAccess(
                            servers: [address],
                            authority: .file(authority.certificate)
                        )
                    )
                    var updates = source.updates().makeAsyncIterator()
                    var opening = await updates.next()
                    while opening?.unanswered.isEmpty == false { opening = await updates.next() }
                    #expect(opening?.update.snapshot.services.count == 300)
                    cluster.put(.service(Self.service(300)))
                    #expect(await updates.next()?.update.snapshot.services.count == 301)
                    let watching = await eventually {
                        let state = await source.state()
                        return state.resources.values.allSatisfy { $0.phase == .watching }
                    }
                    #expect(watching)
                    #expect(server.connectionCount == 1)
                    await source.stop()
                }
            }
        }

        @Test("When the reader ends, so do the watches")
        func ending() async throws {
            try await withServer(Self.cluster(1)) { server, address in
                try await withSource([address]) { source in
                    let reader = Task {
                        for await _ in source.updates() {}
                    }
                    let connected = await eventually { server.connectionCount >= 4 }
                    #expect(connected)
                    reader.cancel()
                    await reader.value
                    let gone = await eventually { server.connectionCount == 0 }
                    #expect(gone)
                }
            }
        }

        @Test("No secret gets into the log, the state or an error")
        func secrets() async throws {
            let log = RecordedLog()
            var options = ServerOptions()
            options.authorizations = []
            try await withServer(TestCluster(), options) { server, address in
                var settings = KubernetesSource.Settings(
                    logger: Logger(label: "test") { _ in log }
                )
                settings.nodeName = "node-a"
                let source = try KubernetesSource(
                    settings,
                    access: ClusterAccess(
                        servers: [address],
                        authorization: .token(Secret("hunter2"))
                    ),
                    time: Timebase(speed: 100)
                )
                let reader = Task {
                    for await _ in source.updates() {}
                }
                let failed = await eventually {
                    await source.state().resources[.services]?.failures ?? 0 > 1
                }
                #expect(failed)
                let state = await source.state()
                #expect(!"\(state)".contains("hunter2"))
                reader.cancel()
                await source.stop()
                #expect(log.text.contains("401"))
                #expect(!log.text.contains("hunter2"))
            }
        }

        @Test(
            "Very many Services with 10 endpoints each come through a socket",
            arguments: [(APIContentType.protobuf, 10_000), (.json, 1000)]
        )
        func large(contentType: APIContentType, count: Int) async throws {
            let cluster = Self.cluster(count, endpoints: 10)
            try await withServer(cluster) { _, address in
                try await withSource([address], settings: { $0.contentType = contentType }) {
                    source in
                    var updates = source.updates().makeAsyncIterator()
                    let update = await updates.next()
                    #expect(update?.update.snapshot.services.count == count)
                    let endpoints = update?.update.snapshot.slices.values
                        .reduce(0) { $0 + $1.reduce(0) { $0 + $1.endpoints.count } }
                    #expect(endpoints == count * 10)
                }
            }
        }
    }
}

/// Keeps all that is logged, at any level.
private final class RecordedLog: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let line = "\(event.message) \(event.metadata ?? [:])"
        lines.withLock { $0.append(line) }
    }
}
