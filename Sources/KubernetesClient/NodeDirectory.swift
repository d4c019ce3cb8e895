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
/// as long as no Service has such an address.
package actor NodeDirectory {
    /// Between two lists without news.
    private static let interval = Duration.seconds(600)
    /// Between a list that failed and the next.
    private static let retryInterval = Duration.seconds(30)

    private let source: KubernetesSource
    private let ownName: String
    private let patience: Duration
    private let logger: Logger
    /// External addresses of Services, by Service.
    private var claimed: [ServiceName: Set<IPAddress>] = [:]
    private var seen: Set<IPAddress> = []
    private var owners: [IPAddress: String] = [:]
    private var nextList: ContinuousClock.Instant?
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
    package func owners(_ update: SnapshotUpdate) async -> [IPAddress: String] {
        let news = take(update)
        guard !claimed.isEmpty else { return [:] }
        let now = ContinuousClock.now
        // After a failure news wait, too: each would wait for the same server.
        let isDue = nextList.map { $0 <= now } ?? true
        guard isDue || news && hasList else { return owners }
        do {
            // What nobody claims is no concern: a Node more or less is no news to a planner.
            owners = try await list().filter { seen.contains($0.key) }
            hasList = true
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
