import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Foundation
import HTTPServing
import HealthChecking
import InstalledModes
import Planning
import ServiceModel
import Synchronization
import Telemetry
import Testing

@testable import Observability

/// Whoever asks is answered from values: neither waits for a pass, nor makes one wait.
@Suite("Answers during a pass", .timeLimit(.minutes(2)))
struct HeldPassTests {
    /// Stays in a pass until it is told to go on.
    private final class Gate: Sendable {
        private let released = DispatchSemaphore(value: 0)
        private let state = Mutex((hasBegun: false, hasEnded: false))

        /// On the dataplane's thread.
        func pass() {
            state.withLock { $0.hasBegun = true }
            released.wait()
            state.withLock { $0.hasEnded = true }
        }

        var hasBegun: Bool { state.withLock { $0.hasBegun } }
        var hasEnded: Bool { state.withLock { $0.hasEnded } }
        func release() { released.signal() }
    }

    private static let name = ServiceName(namespace: "shop", name: "web")

    private static func daemon(_ configuration: DaemonConfiguration) throws -> ObservedDaemon {
        var daemon = ObservedDaemon(configuration)
        let port = try #require(PortNumber(80))
        var snapshot = ServiceSnapshot()
        snapshot.services[name] = Service(
            name: name,
            clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
            ports: [ServicePort(port: port)]
        )
        daemon.pass(snapshot)
        return daemon
    }

    @Test("A thousand answers come while a pass holds the dataplane")
    func thousandAnswers() async throws {
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        let view = try Self.daemon(configuration).view
        let dataplane = Dataplane(configuration)
        let gate = Gate()
        let pass = Task { await dataplane.hold { gate.pass() } }
        while !gate.hasBegun { try await Task.sleep(for: .milliseconds(5)) }
        let pages: [(HTTPRoutes, String)] = [
            (view.statusPages, "/status"),
            (view.statusPages, "/status/services/shop/web"),
            (view.metricsPages, "/metrics"), (view.metricsPages, "/statusz"),
            (view.healthPages, "/healthz"),
        ]
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 0..<1000 {
                let (routes, path) = pages[number % pages.count]
                group.addTask { await routes.answer(HTTPRequest(path: path)).status }
            }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(statuses == [200: 1000])
        #expect(!gate.hasEnded)
        gate.release()
        await pass.value
        #expect(gate.hasEnded)
    }
}

extension Dataplane {
    /// A pass that takes as long as `body` does.
    fileprivate func hold(_ body: @Sendable () -> Void) { body() }
}
