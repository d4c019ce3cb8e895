package import Addressing
import KubernetesAPI
package import Logging
import NIOCore
package import ServiceModel

/// Whose addresses those are that Services claim beside their ClusterIPs, as far as they are Nodes'.
///
/// Only the own Node is followed, as following all of them would cost every node of a large cluster
/// every other node's heartbeats. So all Nodes are listed, from the server's cache, when a Service
/// brings an address not seen before, and otherwise with the first change after `interval`; never
/// as long as no Service has such an address. Addresses that come one by one share a list: there is
/// at most one in `leastInterval`.
package actor NodeDirectory {
    /// Between two lists without news.
    private static let interval = Duration.seconds(600)
    /// Between the end of a list and the next, whatever the news.
    package static let leastInterval = Duration.seconds(2)
    /// Between a list that failed and the next.
    private static let retryInterval = Duration.seconds(30)

    private let source: KubernetesSource
    private let ownName: String
    private let patience: Duration
    private let logger: Logger
    /// External addresses of Services, by Service.
    private var claimed: [ServiceName: Set<IPAddress>] = [:]
    /// Those that the last list was about, and those that came since.
    private var seen: Set<IPAddress> = []
    /// An address came that no list has been about.
    private var hasNews = false
    private var owners: [IPAddress: String] = [:]
    private var nextList: ContinuousClock.Instant?
    private var lastList: ContinuousClock.Instant?
    /// The last list succeeded.
    private var hasList = false

    /// Waits at most `patience` for a list: what is not known by then counts as nobody's.
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

    /// The names of other Nodes by their addresses, up to date with regard to what `update` brings.
    /// If the last list ended less than `leastInterval` ago, an address not seen before waits here
    /// until the next may begin. For one caller at a time.
    package func owners(_ update: SnapshotUpdate) async -> [IPAddress: String] {
        if take(update) { hasNews = true }
        guard !claimed.isEmpty else {
            (seen, hasNews, owners) = ([], false, [:])
            return [:]
        }
        let now = ContinuousClock.now
        // After a failure news wait, too: each would wait for the same server.
        let isDue = nextList.map { $0 <= now } ?? true
        guard isDue || hasNews && hasList else { return owners }
        if let lastList {
            let next = lastList + Self.leastInterval
            guard (try? await Task.sleep(until: next, clock: .continuous)) != nil else {
                return owners
            }
        }
        // Addresses that no Service has any longer would pile up for as long as the daemon runs.
        seen = Set(claimed.values.joined())
        defer { lastList = .now }
        do {
            // What nobody claims is no concern: a Node more or less is no news to a planner.
            owners = try await list().filter { seen.contains($0.key) }
            hasList = true
            hasNews = false
            nextList = .now + Self.interval
        } catch {
            hasList = false
            nextList = .now + Self.retryInterval
            logger.warning(
                "Nodes can't be listed; an external address that is another node's is not recognised",
                metadata: ["reason": "\(shortText(error))"]
            )
        }
        return owners
    }

    /// Notes the addresses of Services that changed; true if one was not seen before.
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
    /// The names of all Nodes but one by each of their addresses, from the API server's cache.
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
