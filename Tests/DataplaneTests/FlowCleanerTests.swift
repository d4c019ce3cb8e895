import Addressing
import Dataplane
import DataplaneModel
import Planning
import ServiceModel
import Synchronization
import Testing

@Suite("Forgetting UDP flows", .timeLimit(.minutes(1)))
struct FlowCleanerTests {
    /// Flows of a family in memory, and what is to go wrong.
    private final class Flows: FlowTable, Sendable {
        struct Content {
            var flows: [UDPFlow] = []
            var errors: [DataplaneError] = []
            var failures: [DataplaneError] = []
            var looks = 0
            var sockets: [UDPFlow] = []
            var socketErrors: [DataplaneError] = []
            /// What sockets were looked for, in order.
            var socketLooks: [Set<SocketAddress>?] = []
            var scopes: [SocketScope] = []
        }

        let content = Mutex(Content())

        func localAddresses() throws(DataplaneError) -> [IPAddress] { [] }

        func deleteFlows(
            _ family: IPFamily,
            where isStale: (UDPFlow) -> Bool
        ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError]) {
            let (error, flows, failures) = content.withLock { content in
                content.looks += 1
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
            _ scope: SocketScope,
            at endpoints: Set<SocketAddress>?,
            where isStale: @escaping @Sendable (UDPFlow) -> Bool
        ) throws(DataplaneError) -> (ended: Int, failures: [DataplaneError]) {
            let (error, sockets) = content.withLock { content in
                content.socketLooks.append(endpoints)
                content.scopes.append(scope)
                let error = content.socketErrors.isEmpty ? nil : content.socketErrors.removeFirst()
                return (error, content.sockets)
            }
            if let error { throw error }
            let kept = sockets.filter { !isStale($0) }
            content.withLock { $0.sockets = kept }
            return (sockets.count - kept.count, [])
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

    private func socketRequest(_ scope: SocketScope = .pods) -> FlowRequest {
        var request = request()
        request.check.lost = [gone]
        request.cleansTable = false
        request.sockets = scope
        return request
    }

    @Test("Sockets of endpoints that are gone are ended, and how many is reported once")
    func sockets() async {
        let other = UDPFlow(destination: gone, responder: gone)
        flows.content.withLock { $0.sockets = [stale, other, stale] }
        let cleaner = FlowCleaner(flows)
        cleaner.request(.ipv4, socketRequest(.node))
        await cleaner.finish()
        #expect(cleaner.takeEndedSockets() == [.ipv4: 2])
        #expect(cleaner.takeEndedSockets().isEmpty && cleaner.takeRuns().isEmpty)
        flows.content.withLock { content in
            #expect(content.sockets == [other])
            #expect(content.socketLooks == [[gone]] && content.scopes == [.node])
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
        var request = socketRequest()
        request.cleansTable = true
        cleaner.request(.ipv4, request)
        await cleaner.finish()
        #expect(
            cleaner.takeProblems() == [.init(isOfSockets: true, Self.error(.unsupported))]
        )
        #expect(cleaner.takeRuns().map(\.deleted) == [1])
        #expect(flows.content.withLock { $0.socketLooks.count } == 1)
    }

    @Test("Only what failed is tried again")
    func retriedSockets() async {
        flows.content.withLock { content in
            content.sockets = [stale]
            content.socketErrors = [Self.error(.busy)]
        }
        let cleaner = FlowCleaner(flows, retryInterval: .milliseconds(1))
        var request = socketRequest()
        request.cleansTable = true
        cleaner.request(.ipv4, request)
        while flows.content.withLock({ $0.socketLooks.count }) < 2 { await cleaner.finish() }
        await cleaner.finish()
        #expect(cleaner.takeEndedSockets() == [.ipv4: 1])
        #expect(cleaner.takeProblems() == [.init(isOfSockets: true, Self.error(.busy))])
        #expect(flows.content.withLock { $0.looks } == 1)
    }
}
