import Addressing
import DaemonConfiguration
import Dataplane
import HTTPServing
import HostFacts
import KubernetesClient
package import Logging
import Planning
import ServiceModel
import SystemCalls
import Telemetry

/// The daemon's servers.
extension DaemonView {
    private static let healthPurpose = "health"
    private static let metricsPurpose = "metrics"
    /// How long until a failed address is tried again.
    private static let retryInterval = Duration.seconds(5)

    /// The daemon cannot listen on an address whose `bindFailure` is fatal.
    package struct ListeningFailure: Error, CustomStringConvertible {
        package var description: String
    }

    /// Listens on the configured addresses. Fails if one with a fatal `bindFailure` cannot be used.
    package func listen() async throws(ListeningFailure) {
        await listeners.update(wanted())
        let configuration = snapshot.configuration
        for (name, reason) in await listeners.failures {
            let server: DaemonConfiguration.Server? =
                switch name.purpose {
                case Self.healthPurpose: configuration.health
                case Self.metricsPurpose: configuration.metrics
                default: nil
                }
            guard server?.bindFailure == .fatal else { continue }
            throw ListeningFailure(description: "\(name): \(reason)")
        }
    }

    /// Keeps the servers up to date with configuration and Services until it is cancelled, and then closes
    /// them.
    package func keepListening(_ logger: Logger) async {
        var known = await report([:], logger)
        var retry = retries(known)
        for await _ in listenerUpdates {
            retry?.cancel()
            await listeners.update(wanted())
            known = await report(known, logger)
            retry = retries(known)
        }
        retry?.cancel()
        await listeners.close()
    }

    /// Asks for another try later; nil if nothing has failed.
    private func retries(_ failures: [HTTPListeners.Name: String]) -> Task<Void, Never>? {
        guard !failures.isEmpty else { return nil }
        return Task { [updateListeners] in
            guard (try? await Task.sleep(for: Self.retryInterval)) != nil else { return }
            updateListeners.yield()
        }
    }

    /// Servers listen in the network namespace of the Services; the status socket is a file. The thread that
    /// enters the namespace ends afterwards, because returning might fail.
    static func open(_ address: ListeningAddress, in namespace: String?) async throws -> Int32 {
        guard let namespace, address.isOnNetwork else { return try ListeningSocket.open(address) }
        return try await onOwnThread {
            try NetworkNamespace.enter(namespace)
            return try ListeningSocket.open(address)
        }
    }

    /// Logs new failures to listen and their ends, and records Events for them.
    private func report(
        _ known: [HTTPListeners.Name: String],
        _ logger: Logger
    ) async -> [HTTPListeners.Name: String] {
        let failures = await listeners.failures
        for (name, reason) in failures where known[name] != reason {
            logger.warning(
                "Failed to listen, will retry",
                metadata: ["server": "\(name.purpose)", "reason": "\(reason)"]
            )
            if let events, let event = event(name, reason) { events.record(event) }
        }
        let names = await listeners.names
        for name in known.keys where failures[name] == nil && names.contains(name) {
            logger.notice("Listening again", metadata: ["server": "\(name.purpose)"])
        }
        return failures
    }

    /// Nil for a server that is not of interest to the cluster.
    private func event(_ name: HTTPListeners.Name, _ reason: String) -> ClusterEvent? {
        if name.purpose == Self.healthPurpose { return .healthAddressTaken(reason) }
        let snapshot = snapshot
        let service = snapshot.lastPass?.families.lazy.flatMap(\.healthChecks.keys)
            .first { Self.healthCheckPurpose($0) == name.purpose }
        guard let service, snapshot.services.services[service]?.origin == .cluster else {
            return nil
        }
        return .healthCheckPortTaken(service, reason)
    }

    /// What cannot be listened on, with reasons.
    func listeningProblems() async -> [String] {
        await listeners.failures.map { "\($0.key.purpose): \($0.value)" }.sorted()
    }

    private func wanted() -> [HTTPListeners.Name: HTTPAnswer] {
        let snapshot = snapshot
        var wanted = healthChecks(snapshot)
        func add(_ purpose: String, _ server: DaemonConfiguration.Server, _ routes: HTTPRoutes) {
            guard let address = server.address else { return }
            let place: ListeningAddress =
                address.address.isUnspecified
                ? .everywhere(address.port) : .address(address.address, address.port)
            wanted[.init(purpose, place)] = routes.answer
        }
        add(Self.healthPurpose, snapshot.configuration.health, healthPages)
        add(Self.metricsPurpose, snapshot.configuration.metrics, metricsPages)
        if let path = snapshot.configuration.status.socket {
            wanted[.init("status", .unix(path))] = statusPages.answer
        }
        return wanted
    }

    /// A server for each Service that asks for one, on the addresses that accept node ports.
    private func healthChecks(_ snapshot: DaemonSnapshot) -> [HTTPListeners.Name: HTTPAnswer] {
        var wanted: [HTTPListeners.Name: HTTPAnswer] = [:]
        guard let pass = snapshot.lastPass, let settings = pass.settings else { return wanted }
        for outcome in pass.families {
            let family = outcome.family
            let addresses = settings.listeningAddresses(family)
            let services = snapshot.services.services
            // A held Service gives up its port to one that its source still has.
            let held = outcome.healthChecks.keys.filter { services[$0]?.isHeld == true }
            let others = outcome.healthChecks.filter { !held.contains($0.key) }
            let taken = Set(others.values.map(\.port))
            for (name, check) in outcome.healthChecks
            where !held.contains(name) || !taken.contains(check.port) {
                for address in addresses {
                    let listener = HTTPListeners.Name(
                        Self.healthCheckPurpose(name),
                        kind: "health checks",
                        .address(address, check.port)
                    )
                    wanted[listener] = { [self] request in
                        HTTPRoutes.refusal(of: request) ?? serviceHealth(name, family)
                    }
                }
            }
        }
        return wanted
    }

    private static func healthCheckPurpose(_ name: ServiceName) -> String {
        "health check of \(name)"
    }

    private func serviceHealth(_ name: ServiceName, _ family: IPFamily) -> HTTPResponse {
        let outcome = snapshot.lastPass?.families.first { $0.family == family }
        let count = outcome?.healthChecks[name]?.readyHere ?? 0
        return ServiceHealth(name: name, localEndpoints: count)
            .page(isProxyHealthy: health.verdict().isLive)
    }
}

extension ListeningAddress {
    fileprivate var isOnNetwork: Bool {
        if case .unix = self { false } else { true }
    }
}
