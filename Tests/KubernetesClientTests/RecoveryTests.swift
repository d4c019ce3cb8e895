import Foundation
import KubernetesAPI
import KubernetesClient
import KubernetesTestServer
import Logging
import Synchronization
import Testing

extension NetworkSuites {
    @Suite("Recovery", .timeLimit(.minutes(10)))
    struct RecoveryTests {
        private static let limit = Duration.seconds(10)

        /// How long it took from `start` until the source knew all of the cluster again.
        private static func measure(
            _ what: String,
            _ followed: FollowedCluster,
            since start: ContinuousClock.Instant
        ) async {
            let isRight = await eventually { followed.missing.isEmpty }
            let took = start.duration(to: .now)
            print("recovery: \(what): right after \(took)")
            #expect(isRight && took < limit, "\(what): \(took), missing \(followed.missing)")
        }

        @Test("At the real pace, after each kind of fault the state is right within 10 s")
        func realPace() async throws {
            try await withDirectory { directory in
                let authority = try TestAuthority(in: directory)
                let trusted = directory + "/trusted.crt"
                try FileManager.default.copyItem(atPath: authority.certificate, toPath: trusted)
                var options = ServerOptions()
                options.tls = try authority.server()
                options.servesHTTP2 = true
                let followed = FollowedCluster()
                try await withServer(followed.cluster, options) { server, address in
                    var settings = KubernetesSource.Settings(logger: .silent)
                    settings.nodeName = "node-a"
                    let source = try KubernetesSource(
                        settings,
                        access: ClusterAccess(servers: [address], authority: .file(trusted))
                    )
                    let reader = Task {
                        for await update in source.updates() { followed.take(update) }
                    }
                    defer { reader.cancel() }
                    await Self.measure("start", followed, since: .now)
                    await Self.cut(server, followed)
                    await Self.refuse(server, followed)
                    try await Self.replaceCertificates(server, address, followed, directory)
                    try await Self.goAway(server, address, followed)
                    await source.stop()
                }
            }
        }

        private static func cut(
            _ server: KubernetesTestServer,
            _ followed: FollowedCluster
        ) async {
            for count in 1...2 {
                server.dropConnections()
                followed.change()
                await measure("watches cut, \(count)", followed, since: .now)
            }
        }

        /// Six answers of 500 for each kind of object.
        private static func refuse(
            _ server: KubernetesTestServer,
            _ followed: FollowedCluster
        ) async {
            let refused = Mutex<(counts: [String: Int], last: ContinuousClock.Instant)>(([:], .now))
            server.setFault { request in
                refused.withLock { refused in
                    guard refused.counts[request.path, default: 0] < 6 else { return nil }
                    refused.counts[request.path, default: 0] += 1
                    refused.last = .now
                    return .status(ServedStatus(code: 500, reason: "InternalError"))
                }
            }
            server.dropConnections()
            followed.change()
            let allRefused = await eventually {
                refused.withLock { $0.counts.count == 4 && $0.counts.values.allSatisfy { $0 == 6 } }
            }
            #expect(allRefused)
            await measure("six times 500", followed, since: refused.withLock(\.last))
            server.setFault { _ in nil }
        }

        /// Another authority, in the file too.
        private static func replaceCertificates(
            _ server: KubernetesTestServer,
            _ address: ServerAddress,
            _ followed: FollowedCluster,
            _ directory: String
        ) async throws {
            await server.stop()
            let authority = try TestAuthority(in: directory, name: "next")
            let tls = try authority.server()
            server.change { $0.tls = tls }
            let text = try String(contentsOfFile: authority.certificate, encoding: .utf8)
            try text.write(toFile: directory + "/trusted.crt", atomically: true, encoding: .utf8)
            followed.change()
            try await server.start(port: address.port)
            await measure("certificates and authority replaced", followed, since: .now)
        }

        /// Half a minute; and as with a server that has just started, its memory of changes begins
        /// anew, and it does not know yet who may see ServiceCIDRs.
        private static func goAway(
            _ server: KubernetesTestServer,
            _ address: ServerAddress,
            _ followed: FollowedCluster
        ) async throws {
            await server.stop()
            followed.change()
            followed.cluster.forgetChanges()
            // The pace is the real one, and its pauses have grown to their longest by then.
            try await Task.sleep(for: .seconds(30))
            let isAway = followed.missing.count == 4
            #expect(isAway)
            let start = ContinuousClock.now
            server.setFault { request in
                guard request.path.hasSuffix("servicecidrs"), start.duration(to: .now) < .seconds(2)
                else { return nil }
                return .status(ServedStatus(code: 403, reason: "Forbidden"))
            }
            try await server.start(port: address.port)
            await measure(
                "away for 30 s, then ServiceCIDRs forbidden for 2 s",
                followed,
                since: start
            )
        }

        @Test("Lists without a watch that works are named, and are no sign that all is well")
        func circle() async throws {
            let followed = FollowedCluster()
            var options = ServerOptions()
            options.watchList = .refused
            try await withServer(followed.cluster, options) { server, address in
                server.setFault { request in
                    request.isWatch && request.path.hasSuffix("/services")
                        && request.query["sendInitialEvents"] == nil ? .expireInStream : nil
                }
                try await withSource([address], speed: 5) { source in
                    let reader = Task {
                        for await update in source.updates() { followed.take(update) }
                    }
                    defer { reader.cancel() }
                    let named = await eventually {
                        await source.state().circling?.hasPrefix("services: ") == true
                    }
                    #expect(named)
                    var state = await source.state()
                    #expect(state.lastSign == nil && !state.isConnected)
                    #expect(state.resources[.endpointSlices]?.isCircling == false)
                    // What the lists say is taken in nevertheless.
                    followed.change()
                    #expect(await eventually { followed.missing.isEmpty })
                    server.setFault { _ in nil }
                    let ends = await eventually {
                        state = await source.state()
                        return state.circling == nil && state.isConnected
                    }
                    #expect(ends && state.lastSign != nil)
                }
                // Each list that does not help makes the next one wait longer.
                let lists = server.requests.filter { !$0.isWatch && $0.path.hasSuffix("/services") }
                #expect(lists.prefix(3).map { $0.query["resourceVersion"] ?? "" }.last == "")
            }
        }

        @Test("Without watch-list too the newest state comes, when the watches have expired")
        func withoutWatchList() async throws {
            let followed = FollowedCluster()
            var options = ServerOptions()
            options.watchList = .refused
            try await withServer(followed.cluster, options) { server, address in
                try await withSource([address], speed: 20) { source in
                    let reader = Task {
                        for await update in source.updates() { followed.take(update) }
                    }
                    defer { reader.cancel() }
                    #expect(await eventually { followed.missing.isEmpty })
                    for _ in 0..<3 {
                        await server.stop()
                        followed.change()
                        followed.cluster.forgetChanges()
                        try await server.start(port: address.port)
                        let comes = await eventually { followed.missing.isEmpty }
                        #expect(comes, "missing: \(followed.missing)")
                    }
                }
                // A limit would make the version exact, and the state the old one.
                let lists = server.requests.filter { !$0.isWatch }
                let limited = lists.filter {
                    !["", "0"].contains($0.query["resourceVersion"] ?? "")
                        && $0.query["limit"] != nil
                }
                #expect(limited.isEmpty && !lists.isEmpty)
            }
        }
    }
}
