import KubernetesAPI
import KubernetesClient
import KubernetesTestServer
import ServiceModel
import Synchronization
import Testing

extension NetworkSuites {
    @Suite("Fault scripts", .timeLimit(.minutes(10)))
    struct FaultScriptTests {
        /// What came last, and Services that changed without being named.
        private struct Seen: Sendable {
            var update: KubernetesUpdate?
            var unnamed: Set<ServiceName> = []

            mutating func take(_ new: KubernetesUpdate) {
                if case .some(let named) = new.update.changed, let old = update?.update.snapshot {
                    let snapshot = new.update.snapshot
                    let names = Set(old.services.keys).union(snapshot.services.keys)
                        .union(old.slices.keys).union(snapshot.slices.keys)
                    unnamed.formUnion(
                        names.subtracting(named).filter {
                            old.services[$0] != snapshot.services[$0]
                                || old.slices[$0] != snapshot.slices[$0]
                        }
                    )
                }
                update = new
            }
        }

        private static func options(_ seed: UInt64) -> ServerOptions {
            var options = ServerOptions()
            options.speed = 400
            options.bookmarkInterval = .milliseconds(10)
            switch seed % 5 {
            case 1: options.encodings = [.json]
            case 2: options.watchList = .refused
            case 3: options.knowsClusterIPSelector = false
            case 4: options.watchList = .unknown
            default: break
            }
            return options
        }

        private static var following: ReflectorSettings {
            var settings = ReflectorSettings()
            settings.watchSeconds = 20...60
            settings.watchSlack = .seconds(5)
            settings.listIdleLimit = .seconds(10)
            settings.pageSize = 3
            settings.longestRest = .seconds(10)
            return settings
        }

        @Test(
            "Whatever went wrong, in the end the snapshot is the server's state",
            arguments: 0..<60
        )
        func property(number: Int) async throws {
            let seed = UInt64(number)
            let cluster = TestCluster()
            var script = ClusterScript(cluster, seed: seed)
            for _ in 0..<20 { script.step() }
            let faults = RandomFaults(seed: seed)
            let options = Self.options(seed)
            try await withServer(cluster, options) { first, firstAddress in
                try await withServer(cluster, options) { second, secondAddress in
                    first.setFault { _ in faults.next() }
                    second.setFault { _ in faults.next() }
                    try await withSource(
                        [firstAddress, secondAddress],
                        speed: 400,
                        following: Self.following
                    ) { source in
                        let seen = Mutex(Seen())
                        let reader = Task {
                            for await update in source.updates() {
                                seen.withLock { $0.take(update) }
                            }
                        }
                        defer { reader.cancel() }
                        for step in 0..<40 {
                            script.step()
                            if step % 13 == 5 { cluster.compact() }
                            if step % 17 == 9 { first.dropConnections() }
                            if step == 20 { await second.stop() }
                            if step == 30 { try await second.start(port: secondAddress.port) }
                            // Without a pause it would be over before the first answer.
                            try await Task.sleep(for: .milliseconds(2))
                        }
                        faults.stop()
                        let arrives = await eventually {
                            seen.withLock { script.isSeen(in: $0.update) }
                        }
                        let state = await source.state()
                        let last = seen.withLock(\.update)
                        #expect(arrives, "\(script.difference(from: last)); \(state)")
                        #expect(seen.withLock(\.unnamed) == [])
                    }
                }
            }
        }
    }
}

extension ClusterScript {
    /// What keeps `isSeen` from being true, for messages.
    fileprivate func difference(from update: KubernetesUpdate?) -> String {
        guard let update else { return "nothing came" }
        let snapshot = update.update.snapshot
        var parts: [String] = ["version \(cluster.version)"]
        for name in Set(expectedServices.keys).union(snapshot.services.keys).sorted()
        where expectedServices[name] != snapshot.services[name] {
            parts.append(
                "\(name): \(String(describing: snapshot.services[name])), not \(String(describing: expectedServices[name]))"
            )
        }
        for name in Set(expectedSlices.keys).union(snapshot.slices.keys).sorted()
        where expectedSlices[name] != snapshot.slices[name] {
            parts.append(
                "slices of \(name): \(String(describing: snapshot.slices[name])), not \(String(describing: expectedSlices[name]))"
            )
        }
        parts += snapshot.issues.map(\.description)
        parts.append("ranges \(update.serviceCIDRs), expected \(expectedRanges)")
        parts.append(
            "node \(String(describing: update.node)), expected \(String(describing: node))"
        )
        return parts.joined(separator: "; ")
    }

    fileprivate func isSeen(in update: KubernetesUpdate?) -> Bool {
        guard let update else { return false }
        return update.update.snapshot.services == expectedServices
            && update.update.snapshot.slices == expectedSlices
            && update.update.snapshot.issues.isEmpty && update.serviceCIDRs == expectedRanges
            && update.node?.zone == node?.zone
            && update.node?.addresses ?? [] == node?.addresses ?? []
    }
}
