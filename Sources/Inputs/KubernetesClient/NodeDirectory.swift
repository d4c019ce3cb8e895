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
/// list: there is at most one per `leastInterval`.
package actor NodeDirectory {
    /// Between two lists without new addresses.
    private static let interval = Duration.seconds(600)
    /// Between the end of a list and the next one, even with new addresses.
    package static let leastInterval = Duration.seconds(2)
    /// Between a failed list and the next one.
    private static let retryInterval = Duration.seconds(30)

    private let source: KubernetesSource
    private let ownName: String
    private let patience: Duration
    private let logger: Logger
    /// External addresses of Services, by Service.
    private var claimed: [ServiceName: Set<IPAddress>] = [:]
    /// Addresses covered by the last list, and those added since.
    private var seen: Set<IPAddress> = []
    /// An address was added that no list has covered.
    private var hasNews = false
    private var owners: [IPAddress: String] = [:]
    private var nextList: ContinuousClock.Instant?
    private var lastList: ContinuousClock.Instant?
    /// The last list succeeded.
    private var hasList = false

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
    }

    /// The names of other Nodes by address, up to date with the addresses in `update`. If the last
    /// list ended less than `leastInterval` ago, a new address waits here until the next list may
    /// begin. One caller at a time.
    package func owners(_ update: SnapshotUpdate) async -> [IPAddress: String] {
        if take(update) { hasNews = true }
        guard !claimed.isEmpty else {
            (seen, hasNews, owners) = ([], false, [:])
            return [:]
        }
        let now = ContinuousClock.now
        // After a failure new addresses wait too: each would wait for the same server.
        let isDue = nextList.map { $0 <= now } ?? true
        guard isDue || hasNews && hasList else { return owners }
        if let lastList {
            let next = lastList + Self.leastInterval
            guard (try? await Task.sleep(until: next, clock: .continuous)) != nil else {
                return owners
            }
        }
        // Drops addresses no Service has any longer, which would accumulate.
        seen = Set(claimed.values.joined())
        defer { lastList = .now }
        do {
            // Only claimed addresses, so that an added or removed Node does not cause planning.
            owners = try await list().filter { seen.contains($0.key) }
            hasList = true
            hasNews = false
            nextList = .now + Self.interval
        } catch {
            hasList = false
            nextList = .now + Self.retryInterval
            logger.warning(
                "Failed to list Nodes, external addresses of other nodes are not recognised",
                metadata: ["reason": "\(shortText(error))"]
            )
        }
        return owners
    }

    /// Records the addresses of changed Services; true if one was not seen before.
    private func take(_ update: SnapshotUpdate) -> Bool {
        let names: any Sequence<ServiceName>
        switch update.changed {
        case .all:
            claimed = [:]
            names = update.snapshot.services.keys
        case .some(let changed): names = changed
        }
        var news = false
        for name in names {
            let service = update.snapshot.services[name]
            let addresses = (service?.externalIPs ?? []) + (service?.loadBalancerAddresses ?? [])
            claimed[name] = addresses.isEmpty ? nil : Set(addresses)
            for address in addresses where seen.insert(address).inserted { news = true }
        }
        return news
    }

    private func list() async throws -> [IPAddress: String] {
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
