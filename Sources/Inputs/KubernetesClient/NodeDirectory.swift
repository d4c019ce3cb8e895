package import Addressing
import KubernetesAPI
package import Logging
import NIOCore
package import ServiceModel

/// Finds the Nodes that own addresses which Services claim besides their ClusterIPs.
///
/// Only this node's Node object is watched: watching all Nodes would send every node of a large
/// cluster the heartbeats of all others. Instead all Nodes are listed, from the server's cache,
/// when a Service has an address not seen before, and otherwise with the first change after
/// `interval`; never while no Service has such an address. Addresses that arrive one by one share a
/// list, and lists that follow on one another become rarer.
///
/// Nothing waits for a list but the addresses that it is for, and the first update: what an earlier run
/// serves must not go for it.
package actor NodeDirectory {
    /// Between two lists without new addresses.
    private static let interval = Duration.seconds(600)
    /// Between the end of a list and the next one, even with new addresses; twice as long each time one
    /// follows directly.
    package static let leastInterval = Duration.seconds(2)
    package static let longestInterval = Duration.seconds(60)
    /// Between a failed list and the next one.
    private static let retryInterval = Duration.seconds(30)

    private let source: KubernetesSource
    private let ownName: String
    private let patience: Duration
    private let logger: Logger
    /// External addresses of Services, by Service.
    private var claimed: [ServiceName: Set<IPAddress>] = [:]
    /// The addresses whose owners are known, or are not waited for.
    private var known: Set<IPAddress> = []
    /// The Services that have others besides.
    private var pending: Set<ServiceName> = []
    /// When the first of them came.
    private var newsAt: ContinuousClock.Instant?
    private var owners: [IPAddress: String] = [:]
    private var nextList: ContinuousClock.Instant?
    private var lastList: ContinuousClock.Instant?
    /// Between the last list and the next.
    private var pause = leastInterval
    /// The last list succeeded.
    private var hasList = false
    /// The last update, while it may have to be passed on again.
    private var newest: KubernetesUpdate?
    private var isFirst = true
    /// The Services that were passed on without some addresses.
    private var withheld: Set<ServiceName> = []
    /// The owners that were passed on last.
    private var passedOwners: [IPAddress: String] = [:]
    /// So many updates were made here: their revisions count, too.
    private var releases: UInt64 = 0
    /// Yields when a list is due.
    private nonisolated let requests: AsyncStream<Void>
    private nonisolated let request: AsyncStream<Void>.Continuation

    /// Waits at most `patience` for a list; addresses unknown by then have no owner.
    package init(
        _ source: KubernetesSource,
        ownName: String,
        patience: Duration = .seconds(5),
        logger: Logger
    ) {
        self.source = source
        self.ownName = ownName
        self.patience = patience
        self.logger = logger
        (requests, request) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: - Passing updates on

    /// Passes the update on with the owners of its addresses: at once, without those whose owners are not known
    /// yet. They follow when `run` has found them out. One caller at a time.
    package func passOn(
        _ update: KubernetesUpdate,
        _ receive: @Sendable (KubernetesUpdate) -> Void
    ) async {
        if isFirst {
            isFirst = false
            _ = await owners(update.update)
        } else if take(update.update) {
            newest = update
            request.yield()
        }
        if newest != nil { newest = update }
        receive(prepared(update))
    }

    /// Lists Nodes as often as that is due, and passes on what had to wait for it, until the task is cancelled.
    package func run(_ receive: @Sendable (KubernetesUpdate) -> Void) async {
        // The list before may have been the one that was asked for.
        for await _ in requests where isDue || !pending.isEmpty {
            await list()
            guard var update = newest else { continue }
            if pending.isEmpty { newest = nil } else { request.yield() }
            guard !withheld.isEmpty || owners != passedOwners else { continue }
            releases += 1
            update.update.changed = .some([])
            update.update.removals = Removals()
            (update.triggers, update.times) = ([:], nil)
            receive(prepared(update))
        }
    }

    /// With the owners, and without addresses that wait for theirs.
    private func prepared(_ update: KubernetesUpdate) -> KubernetesUpdate {
        var update = update
        update.otherNodes = owners
        update.update.snapshot.revision += releases
        for name in pending {
            guard var service = update.update.snapshot.services[name] else { continue }
            service.externalIPs.removeAll { !known.contains($0) }
            service.loadBalancerAddresses.removeAll { !known.contains($0) }
            update.update.snapshot.services[name] = service
        }
        update.update.changed.formUnion(.some(withheld.subtracting(pending)))
        (withheld, passedOwners) = (pending, owners)
        return update
    }

    // MARK: - Owners

    /// The names of other Nodes by address, up to date with the addresses in `update`. If the last
    /// list ended a short time ago, a new address waits here until the next list may begin. One caller at a
    /// time.
    package func owners(_ update: SnapshotUpdate) async -> [IPAddress: String] {
        if take(update) { await list() }
        return owners
    }

    /// Takes the addresses in; true if a list is due.
    private func take(_ update: SnapshotUpdate) -> Bool {
        record(update)
        guard !claimed.isEmpty else {
            (known, owners, newsAt) = ([], [:], nil)
            return false
        }
        if isDue { return true }
        guard !pending.isEmpty else { return false }
        guard hasList else {
            // After a failure new addresses are not waited for: each would wait for the same server.
            for name in pending { known.formUnion(claimed[name] ?? []) }
            pending = []
            return false
        }
        newsAt = newsAt ?? .now
        return true
    }

    private var isDue: Bool { nextList.map { $0 <= .now } ?? true }

    /// Records the addresses of changed Services.
    private func record(_ update: SnapshotUpdate) {
        let names: any Sequence<ServiceName>
        switch update.changed {
        case .all:
            (claimed, pending) = ([:], [])
            names = update.snapshot.services.keys
        case .some(let changed): names = changed
        }
        for name in names {
            let service = update.snapshot.services[name]
            let addresses = Set(
                (service?.externalIPs ?? []) + (service?.loadBalancerAddresses ?? [])
            )
            claimed[name] = addresses.isEmpty ? nil : addresses
            if addresses.isSubset(of: known) {
                pending.remove(name)
            } else {
                pending.insert(name)
            }
        }
    }

    /// Lists Nodes as soon as that is due; the addresses that are claimed then are known from the end on.
    private func list() async {
        if let lastList {
            let isRest = (newsAt ?? .now) - lastList >= pause * 2
            if isRest { pause = Self.leastInterval }
            guard (try? await Task.sleep(until: lastList + pause, clock: .continuous)) != nil
            else { return }
            if !isRest { pause = min(pause * 2, Self.longestInterval) }
        }
        let covered = Set(claimed.values.joined())
        newsAt = nil
        do {
            // Only claimed addresses, so that an added or removed Node does not cause planning.
            owners = try await nodes().filter { covered.contains($0.key) }
            hasList = true
            nextList = .now + Self.interval
        } catch {
            hasList = false
            nextList = .now + Self.retryInterval
            logger.warning(
                "Failed to list Nodes, external addresses of other nodes are not recognised",
                metadata: ["reason": "\(shortText(error))"]
            )
        }
        lastList = .now
        // Addresses that no Service has any longer are dropped, which would accumulate.
        known = covered
        pending = Set(claimed.filter { !$0.value.isSubset(of: known) }.keys)
        if !pending.isEmpty { newsAt = newsAt ?? .now }
    }

    private func nodes() async throws -> [IPAddress: String] {
        let (source, ownName, patience) = (source, ownName, patience)
        return try await withThrowingTaskGroup(of: [IPAddress: String].self) { group in
            group.addTask { try await source.nodeAddresses(except: ownName) }
            group.addTask {
                try await Task.sleep(for: patience)
                throw ClientError("no answer within \(patience)")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? [:]
        }
    }
}

extension KubernetesSource {
    /// The names of all Nodes except one, by each of their addresses, from the API server's cache.
    package func nodeAddresses(except ownName: String) async throws -> [IPAddress: String] {
        let resource = KubernetesResource.nodes
        let request = APIRequest(
            path: resource.listPath,
            query: [("resourceVersion", "0")],
            idleLimit: following.listIdleLimit
        )
        return try await connection.send(request) { body in
            var decoder = ListDecoder(resource: resource, mediaType: body.mediaType)
            var owners: [IPAddress: String] = [:]
            try await body.read { chunk in
                for object in try decoder.feed(chunk.readableBytesUInt8Span) {
                    guard case .node(let node) = object.content, node.name != ownName else {
                        continue
                    }
                    for address in node.internalIPs + node.externalIPs {
                        owners[address] = node.name
                    }
                }
            }
            _ = try decoder.finish()
            return owners
        }
    }
}
