import Addressing
import Dataplane
import DataplaneModel
import Planning
import ServiceModel
import Synchronization
import Testing

@Suite("Forgetting UDP flows", .timeLimit(.minutes(10)))
struct FlowCleanerTests {
    /// Flows of a family in memory, and what is to go wrong.
    private final class Flows: FlowTable, Sendable {
        struct Content {
            var flows: [UDPFlow] = []
            var errors: [DataplaneError] = []
            var failures: [DataplaneError] = []
            var looks = 0
            var times: [ContinuousClock.Instant] = []
            var sockets: [UDPFlow] = []
            var socketErrors: [DataplaneError] = []
            var isUnfinished = false
            /// Where sockets were looked for, in order.
            var levels: [FlowUses.Sockets] = []
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

        func endSockets(
            _ family: IPFamily,
            _ level: FlowUses.Sockets,
            where isStale: (UDPFlow) -> Bool
        ) throws(DataplaneError) -> EndedSockets {
            let (error, sockets, isUnfinished) = content.withLock { content in
                content.levels.append(level)
                let error = content.socketErrors.isEmpty ? nil : content.socketErrors.removeFirst()
                defer { content.isUnfinished = false }
                return (error, content.sockets, content.isUnfinished)
            }
            if let error { throw error }
            let kept = sockets.filter { !isStale($0) }
            content.withLock { $0.sockets = kept }
            return EndedSockets(count: sockets.count - kept.count, isUnfinished: isUnfinished)
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

    private func request() -> FlowRequest {
        var check = FlowCheck()
        check.frontends[frontend] = []
        return FlowRequest(check: check, settings: settings, mode: .ipvs)
    }

    @Test("What is refused again and again is tried after pauses that grow")
    func growingPauses() async throws {
        flows.content.withLock { $0.errors = Array(repeating: Self.error(.other), count: 5) }
        let cleaner = FlowCleaner(flows, retryInterval: .milliseconds(20))
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
        let cleaner = FlowCleaner(flows)
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
        let cleaner = FlowCleaner(flows)
        let check = FlowRequest(
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
        let cleaner = FlowCleaner(flows)
        cleaner.request(.ipv4, request())
        await cleaner.finish()
        #expect(cleaner.takeProblems() == [.init(Self.error(.unsupported))])
        #expect(flows.content.withLock { $0.looks } == 1)
    }

    @Test("Refused flows, and a table that cannot be read, are reported and tried again")
    func failures() async {
        let cleaner = FlowCleaner(flows, retryInterval: .milliseconds(1))
        flows.content.withLock { content in
            content.errors = [Self.error(.busy)]
            content.failures = [Self.error(.notPermitted)]
        }
        cleaner.request(.ipv4, request())
        while flows.content.withLock({ $0.looks }) < 3 { await cleaner.finish() }
        await cleaner.finish()
        #expect(
            cleaner.takeProblems()
                == [.init(Self.error(.busy)), .init(Self.error(.notPermitted))]
        )
        #expect(cleaner.takeRuns().count == 2)
        #expect(flows.content.withLock { $0.looks } == 3)
    }

    // MARK: - Sockets

    private var gone: SocketAddress { stale.responder }

    private let level = FlowUses.Sockets(bpfDirectory: "/b", ofPods: true)

    private func socketRequest(table: Bool = false) -> FlowRequest {
        var request = request()
        request.uses = FlowUses(cleansTable: table, sockets: level)
        return request
    }

    @Test("Sockets of endpoints that are gone are ended, and how many is reported once")
    func sockets() async {
        let other = UDPFlow(destination: gone, responder: gone)
        flows.content.withLock { $0.sockets = [stale, other, stale] }
        let cleaner = FlowCleaner(flows)
        cleaner.request(.ipv4, socketRequest())
        await cleaner.finish()
        #expect(cleaner.takeEndedSockets() == [.ipv4: 2])
        #expect(cleaner.takeEndedSockets().isEmpty && cleaner.takeRuns().isEmpty)
        flows.content.withLock { content in
            #expect(content.sockets == [other])
            #expect(content.levels == [level])
            #expect(content.looks == 0)
        }
    }

    @Test("A kernel that ends no sockets is said once, and the table is cleaned all the same")
    func unsupportedSockets() async {
        flows.content.withLock { content in
            content.flows = [stale]
            content.socketErrors = [Self.error(.unsupported)]
        }
        let cleaner = FlowCleaner(flows)
        cleaner.request(.ipv4, socketRequest(table: true))
        await cleaner.finish()
        #expect(
            cleaner.takeProblems() == [.init(isOfSockets: true, Self.error(.unsupported))]
        )
        #expect(cleaner.takeRuns().map(\.deleted) == [1])
        #expect(flows.content.withLock { $0.levels.count } == 1)
    }

    @Test("Only what failed is tried again")
    func retriedSockets() async {
        flows.content.withLock { content in
            content.sockets = [stale]
            content.socketErrors = [Self.error(.busy)]
        }
        let cleaner = FlowCleaner(flows, retryInterval: .milliseconds(1))
        cleaner.request(.ipv4, socketRequest(table: true))
        while flows.content.withLock({ $0.levels.count }) < 2 { await cleaner.finish() }
        await cleaner.finish()
        #expect(cleaner.takeEndedSockets() == [.ipv4: 1])
        #expect(cleaner.takeProblems() == [.init(isOfSockets: true, Self.error(.busy))])
        #expect(flows.content.withLock { $0.looks } == 1)
    }

    @Test(
        "Neither the table's pause nor that of other sockets holds up sockets that are to be ended"
    )
    func promptSockets() async throws {
        // Longer than the test may take.
        let cleaner = FlowCleaner(flows, retryInterval: .seconds(600))
        flows.content.withLock { content in
            content.errors = [Self.error(.busy)]
            content.socketErrors = [Self.error(.busy)]
        }
        cleaner.request(.ipv4, socketRequest(table: true))
        await cleaner.finish()
        #expect(cleaner.takeProblems().count == 2)
        flows.content.withLock { $0.sockets = [stale] }
        cleaner.request(.ipv4, socketRequest(table: true))
        while cleaner.takeEndedSockets().isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        // The table still waits.
        #expect(flows.content.withLock { $0.looks } == 1)
    }

    @Test("A socket that was about to connect is looked for again, without a problem")
    func connecting() async {
        flows.content.withLock { content in
            content.sockets = [stale]
            content.isUnfinished = true
        }
        let cleaner = FlowCleaner(flows, retryInterval: .milliseconds(1))
        cleaner.request(.ipv4, socketRequest(table: true))
        while flows.content.withLock({ $0.levels.count }) < 2 { await cleaner.finish() }
        await cleaner.finish()
        #expect(cleaner.takeProblems().isEmpty)
        #expect(flows.content.withLock { $0.levels.count } == 2)
        #expect(flows.content.withLock { $0.looks } == 1)
    }
}
