import Addressing
import Dataplane
import DataplaneModel
import Planning
import ServiceModel
import Synchronization
import Testing

@Suite("Forgetting UDP flows", .timeLimit(.minutes(1)))
struct ConntrackCleanerTests {
    /// Flows of a family in memory, and what is to go wrong.
    private final class Flows: FlowTable, Sendable {
        struct Content {
            var flows: [UDPFlow] = []
            var errors: [DataplaneError] = []
            var failures: [DataplaneError] = []
            var looks = 0
            var times: [ContinuousClock.Instant] = []
        }

        let content = Mutex(Content())

        func localAddresses() throws(DataplaneError) -> [IPAddress] { [] }

        func deleteFlows(
            _ family: IPFamily,
            where isStale: (UDPFlow) -> Bool
        ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError]) {
            let (error, flows, failures) = content.withLock { content in
                content.looks += 1
                content.times.append(.now)
                let error = content.errors.isEmpty ? nil : content.errors.removeFirst()
                defer { if error == nil { content.failures = [] } }
                return (error, content.flows, content.failures)
            }
            if let error { throw error }
            let kept = flows.filter { !isStale($0) }
            content.withLock { $0.flows = kept }
            return (flows.count - kept.count, failures)
        }
    }

    private static func error(_ kind: DataplaneError.Kind) -> DataplaneError {
        DataplaneError(kind: kind, operation: "test", subject: "flows", errno: 1)
    }

    private static var port: PortNumber {
        guard let port = PortNumber(53) else { preconditionFailure("53 is a port") }
        return port
    }

    private let flows = Flows()
    private let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
    private let frontend = SocketAddress(IPAddress(ipv4: 0x0a60_0001), port)

    /// A flow to the frontend, answered by an address that is not an endpoint.
    private var stale: UDPFlow {
        UDPFlow(
            destination: frontend,
            responder: SocketAddress(IPAddress(ipv4: 0x0ab4_0002), Self.port)
        )
    }

    private func request() -> ConntrackCleaner.Request {
        var check = FlowCheck()
        check.frontends[frontend] = []
        return ConntrackCleaner.Request(check: check, settings: settings, mode: .ipvs)
    }

    @Test("What is refused again and again is tried after pauses that grow")
    func growingPauses() async throws {
        flows.content.withLock { $0.errors = Array(repeating: Self.error(.other), count: 5) }
        let cleaner = ConntrackCleaner(flows, retryInterval: .milliseconds(20))
        cleaner.request(.ipv4, request())
        while cleaner.takeRuns().isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        let times = flows.content.withLock { $0.times }
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(gaps.count == 5)
        for (number, gap) in gaps.enumerated() {
            #expect(gap >= .milliseconds(20 << number), "\(number)")
        }
        #expect(cleaner.takeProblems().count == 5)
    }

    @Test("Stale flows go, and how many is reported once")
    func deletes() async {
        flows.content.withLock { $0.flows = [stale, stale] }
        let cleaner = ConntrackCleaner(flows)
        await cleaner.finish()
        cleaner.request(.ipv4, request())
        await cleaner.finish()
        let runs = cleaner.takeRuns()
        #expect(runs.map(\.deleted) == [2])
        #expect(runs.map(\.family) == [.ipv4])
        #expect(cleaner.takeRuns().isEmpty && cleaner.takeProblems().isEmpty)
    }

    @Test("An empty request looks at nothing")
    func nothing() async {
        let cleaner = ConntrackCleaner(flows)
        let check = ConntrackCleaner.Request(
            check: FlowCheck(),
            settings: settings,
            mode: .ipvs
        )
        cleaner.request(.ipv4, check)
        await cleaner.finish()
        #expect(flows.content.withLock { $0.looks } == 0)
    }

    @Test("What the kernel does not support is reported and not tried again")
    func unsupported() async {
        flows.content.withLock { $0.errors = [Self.error(.unsupported)] }
        let cleaner = ConntrackCleaner(flows)
        cleaner.request(.ipv4, request())
        await cleaner.finish()
        #expect(cleaner.takeProblems() == [Self.error(.unsupported)])
        #expect(flows.content.withLock { $0.looks } == 1)
    }

    @Test("Refused flows, and a table that cannot be read, are reported and tried again")
    func failures() async {
        let cleaner = ConntrackCleaner(flows, retryInterval: .milliseconds(1))
        flows.content.withLock { content in
            content.errors = [Self.error(.busy)]
            content.failures = [Self.error(.notPermitted)]
        }
        cleaner.request(.ipv4, request())
        while flows.content.withLock({ $0.looks }) < 3 { await cleaner.finish() }
        await cleaner.finish()
        #expect(cleaner.takeProblems() == [Self.error(.busy), Self.error(.notPermitted)])
        #expect(cleaner.takeRuns().count == 2)
        #expect(flows.content.withLock { $0.looks } == 3)
    }
}
