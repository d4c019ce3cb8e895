import Addressing
import KubernetesAPI
import KubernetesClient
import KubernetesTestServer
import ServiceModel
import Testing

extension NetworkSuites {
    /// What a source says of a cluster, and when.
    @Suite("KubernetesSource", .timeLimit(.minutes(10)))
    struct KubernetesSourceTests {
        @Test("The first update has everything, and comes when both lists are here")
        func firstUpdate() async throws {
            let cluster = SourceScript.cluster(3)
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
            let cluster = SourceScript.cluster(1)
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

        @Test("What has come of a long list is counted before its end")
        func received() async throws {
            try await withServer(SourceScript.cluster(3000)) { server, address in
                server.setFault {
                    $0.path.hasSuffix("/services") ? .stallAfter(bytes: 500_000) : nil
                }
                try await withSource([address]) { source in
                    var updates = source.updates().makeAsyncIterator()
                    async let first = updates.next()
                    let counted = await eventually {
                        let text = await source.state().receivedText
                        return text?.hasSuffix(" Services, 3000 EndpointSlices") == true
                    }
                    #expect(counted)
                    let services = await source.state().resources[.services]
                    #expect(services?.lists == 0)
                    #expect((500..<3000).contains(services?.received ?? 0))
                    server.setFault { _ in nil }
                    server.dropConnections()
                    #expect(await first?.update.snapshot.services.count == 3000)
                    #expect(await source.state().receivedText == nil)
                }
            }
        }

        @Test("A change says when it was received; a list does not")
        func times() async throws {
            let cluster = SourceScript.cluster(1)
            try await withServer(cluster) { _, address in
                try await withSource([address]) { source in
                    var updates = source.updates().makeAsyncIterator()
                    var update = await updates.next()
                    while let found = update, !found.unanswered.isEmpty {
                        #expect(found.times == nil)
                        update = await updates.next()
                    }
                    let before = ContinuousClock.now
                    cluster.delete(.services, ClusterKey(namespace: "shop", name: "s0"))
                    update = await updates.next()
                    let times = try #require(update?.times)
                    #expect(times.received > before && times.decoding > .zero)
                    #expect(times.received + times.decoding < .now)
                }
            }
        }

        @Test("A resource that the server does not have is answered for", arguments: [403, 404])
        func absent(code: Int) async throws {
            try await withServer(SourceScript.cluster(1)) { server, address in
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
            let cluster = SourceScript.cluster(3)
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
                        let name = SourceScript.service(index).name
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
            let cluster = SourceScript.cluster(3)
            try await withServer(cluster) { _, address in
                try await withSource([address]) { source in
                    var updates = source.updates().makeAsyncIterator()
                    _ = await updates.next()
                    for port in 1...50 {
                        var service = SourceScript.service(0)
                        service.ports[0].nodePort = PortNumber(30000 + port)
                        service.kind = .nodePort
                        cluster.put(.service(service))
                    }
                    var slice = SourceScript.slice(1)
                    slice.endpoints[0].ready = false
                    cluster.put(.slice(slice, triggerTime: "2099-01-01T00:00:00.5Z"))
                    let name = SourceScript.service(0).name
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
    }
}
