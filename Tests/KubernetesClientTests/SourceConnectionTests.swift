import Foundation
import KubernetesAPI
import KubernetesClient
import KubernetesTestServer
import Logging
import ServiceModel
import Synchronization
import Testing

extension NetworkSuites {
    /// Servers and connections: what is asked of them, which is used, when they end.
    @Suite("Connections of a KubernetesSource", .timeLimit(.minutes(10)))
    struct SourceConnectionTests {
        @Test("A server of old: JSON, no watch-list, no selector, no ServiceCIDRs, lists in pages")
        func oldServer() async throws {
            let cluster = SourceScript.cluster(1200)
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
                    cluster.put(.service(SourceScript.service(1200)))
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

        private static func first(of source: KubernetesSource) async -> KubernetesUpdate? {
            for await update in source.updates() { return update }
            return nil
        }

        @Test("A kubeconfig with another token is read when the former one is refused")
        func renewedKubeconfig() async throws {
            try await withDirectory { directory in
                var options = ServerOptions()
                options.authorizations = ["Bearer two"]
                try await withServer(SourceScript.cluster(2), options) { server, address in
                    let path = directory + "/kubeconfig"
                    func write(_ token: String) throws {
                        let text = """
                            apiVersion: v1
                            kind: Config
                            current-context: work
                            contexts: [{name: work, context: {cluster: main, user: me}}]
                            clusters: [{name: main, cluster: {server: "\(address)"}}]
                            users: [{name: me, user: {token: \(token)}}]
                            """
                        try text.write(toFile: path, atomically: true, encoding: .utf8)
                    }
                    try write("one")
                    var settings = KubernetesSource.Settings(logger: .silent)
                    settings.kubeconfig = path
                    settings.qps = 1_000_000
                    settings.burst = 1_000_000
                    let source = try KubernetesSource(settings)
                    async let first = Self.first(of: source)
                    #expect(await eventually { server.requests.count > 3 })
                    try "kind: [".write(toFile: path, atomically: true, encoding: .utf8)
                    await source.renewAccess()
                    try write("two")
                    #expect(await first?.update.snapshot.services.count == 2)
                    let tokens = Set(server.requests.compactMap { $0.headers["authorization"] })
                    #expect(tokens == ["Bearer one", "Bearer two"])
                    await source.stop()
                }
            }
        }

        @Test("A list without end is given up, and what is known stays", arguments: [true, false])
        func endlessList(isWatched: Bool) async throws {
            let cluster = SourceScript.cluster(300)
            var options = ServerOptions()
            if !isWatched { options.watchList = .refused }
            var following = ReflectorSettings()
            following.listLimit = 20_000
            following.pageSize = 3
            try await withServer(cluster, options) { _, address in
                try await withSource([address], speed: 20, following: following) { source in
                    let reader = Task { for await _ in source.updates() {} }
                    let noticed = await eventually {
                        let error = await source.state().resources[.services]?.lastError
                        return error == "a list of more than 0 MiB"
                    }
                    #expect(noticed)
                    // Other kinds of object are served.
                    let hasNodes = await eventually {
                        await (source.state().resources[.nodes]?.lists ?? 0) > 0
                    }
                    #expect(hasNodes)
                    #expect(await source.state().resources[.services]?.lists == 0)
                    reader.cancel()
                    await reader.value
                }
            }
        }

        @Test("When the server goes, what it said stays; the next one is followed from there")
        func failover() async throws {
            let cluster = SourceScript.cluster(2)
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
                        cluster.put(.service(SourceScript.service(2)))
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
                let cluster = SourceScript.cluster(300, endpoints: 10)
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
                    cluster.put(.service(SourceScript.service(300)))
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
            try await withServer(SourceScript.cluster(1)) { server, address in
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
            arguments: [(APIMediaType.protobuf, 10_000), (.json, 1000)]
        )
        func large(contentType: APIMediaType, count: Int) async throws {
            let cluster = SourceScript.cluster(count, endpoints: 10)
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
