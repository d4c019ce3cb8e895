import Addressing
import DaemonConfiguration
import Glibc
import HTTPServing
import Reconciling
import ServiceModel
import SystemCalls
import Telemetry
import Testing

@testable import Observability
@testable import Running

/// The loop on a dataplane without a kernel, whose passes can be held.
@Suite("Daemon's loop", .timeLimit(.minutes(10)))
struct DaemonLoopTests {
    private static let name = ServiceName(namespace: "shop", name: "web")

    private static func update(_ port: Int) throws -> SnapshotUpdate {
        var snapshot = ServiceSnapshot()
        snapshot.services[name] = Service(
            name: name,
            clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
            ports: [ServicePort(port: try #require(PortNumber(port)))]
        )
        return SnapshotUpdate(snapshot: snapshot, changed: .some([name]))
    }

    private static func port(_ update: SnapshotUpdate?) -> UInt16? {
        update?.snapshot.services[name]?.ports.first?.port.value
    }

    @Test("Requests are answered while a pass is held, and what arrives meanwhile is one pass")
    func heldPass() async throws {
        let daemon = try await LoopFixture()
        var passes = daemon.gate.begun.makeAsyncIterator()
        daemon.mailbox.send(.arrived(.files(try Self.update(80))))
        #expect(Self.port(await passes.next()) == 80)
        daemon.gate.hold()
        daemon.mailbox.send(.arrived(.files(try Self.update(81))))
        #expect(Self.port(await passes.next()) == 81)
        for port in 1000..<1500 {
            daemon.mailbox.send(.arrived(.files(try Self.update(port))))
            daemon.mailbox.send(.tick)
        }
        let confirmed = Task {
            await daemon.view.statusPages.answer(
                HTTPRequest(method: "POST", path: "/confirm")
            )
        }
        #expect(await Self.statuses(daemon.view, 1000) == [200: 1000])
        #expect(await daemon.view.status().passes == 1)
        daemon.gate.release()
        #expect(await confirmed.value.body == "nothing is held\n")
        #expect(Self.port(await passes.next()) == 1499)
        await daemon.stop()
        #expect(await daemon.view.status().passes == 3)
        #expect(await daemon.mailbox.confirm() == nil)
    }

    /// How often each status came in answer to `count` requests at the same time.
    private static func statuses(_ view: DaemonView, _ count: Int) async -> [Int: Int] {
        let pages: [(HTTPRoutes, String)] = [
            (view.statusPages, "/status"), (view.statusPages, "/status/services/shop/web"),
            (view.metricsPages, "/metrics"), (view.metricsPages, "/statusz"),
            (view.healthPages, "/healthz"),
        ]
        return await withTaskGroup(of: Int.self) { group in
            for number in 0..<count {
                let (routes, path) = pages[number % pages.count]
                group.addTask { await routes.answer(HTTPRequest(path: path)).status }
            }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
    }

    @Test("A resync is given up for what arrives meanwhile, and for no tick")
    func resync() async throws {
        // Long enough that it is not overdue when it begins, a second after the first pass.
        let daemon = try await LoopFixture(resync: .milliseconds(500))
        var passes = daemon.gate.begun.makeAsyncIterator()
        var observing = daemon.gate.observing.makeAsyncIterator()
        daemon.mailbox.send(.arrived(.files(try Self.update(80))))
        #expect(Self.port(await passes.next()) == 80)
        _ = await observing.next()
        daemon.mailbox.send(.tick)
        #expect(!daemon.mailbox.hasNews)
        daemon.mailbox.send(.arrived(.files(try Self.update(81))))
        var port = Self.port(await passes.next())
        while port == 80 { port = Self.port(await passes.next()) }
        #expect(port == 81)
        #expect(daemon.log.lines.contains("Resync given up for other work, will retry"))
        await daemon.stop()
    }

    @Test("After a stop during a pass no other pass begins, whatever arrived before it")
    func stopDuringPass() async throws {
        let daemon = try await LoopFixture()
        var passes = daemon.gate.begun.makeAsyncIterator()
        daemon.gate.hold()
        daemon.mailbox.send(.arrived(.files(try Self.update(80))))
        #expect(Self.port(await passes.next()) == 80)
        daemon.mailbox.send(.arrived(.files(try Self.update(81))))
        daemon.mailbox.send(.reload(.signal))
        async let confirmed = daemon.mailbox.confirm()
        daemon.mailbox.send(.stop(signal: 15))
        daemon.gate.release()
        await daemon.end()
        #expect(await confirmed == nil)
        #expect(await daemon.view.status().passes == 1)
        #expect(daemon.log.lines.contains("Stopping; the rules stay signal=15"))
    }

    @Test("A pass of many intervals keeps the watchdog quiet while it gets on, and no longer")
    func longPass() async throws {
        let manager = try NotifyReader()
        let daemon = try await LoopFixture(
            environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"]
        )
        var passes = daemon.gate.begun.makeAsyncIterator()
        daemon.gate.hold()
        // Each part waits for the sign of life that comes of the part before: three intervals in all.
        daemon.gate.give {
            for _ in 0..<12 {
                ThreadProgress.step()
                #expect(manager.hears("WATCHDOG=1", within: .seconds(20)))
            }
        }
        daemon.mailbox.send(.arrived(.files(try Self.update(80))))
        #expect(Self.port(await passes.next()) == 80)
        // It is held, and does nothing any more. The time that it took before may still be shown.
        let signs = try await onOwnThread {
            (0..<2).count { _ in manager.hears("WATCHDOG=1", within: .milliseconds(1200)) }
        }
        #expect(signs <= 1)
        daemon.gate.release()
        await daemon.stop()
    }

    @Test("The service manager hears of a daemon that has no descriptor left")
    func noDescriptor() async {
        await #expect(processExitsWith: .success) {
            let reader = try NotifyReader()
            let manager = ServiceManager(environment: ["NOTIFY_SOCKET": reader.path])
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            var limit = rlimit()
            getrlimit(resource, &limit)
            var none = rlimit(rlim_cur: 0, rlim_max: limit.rlim_max)
            setrlimit(resource, &none)
            manager.send(.keepAlive)
            setrlimit(resource, &limit)
            try #require(reader.hears("WATCHDOG=1", within: .seconds(20)))
        }
    }

    @Test("A reload is carried out after the pass, and one that is refused is an issue")
    func reload() async throws {
        let daemon = try await LoopFixture()
        var passes = daemon.gate.begun.makeAsyncIterator()
        daemon.gate.hold()
        daemon.mailbox.send(.arrived(.files(try Self.update(80))))
        _ = await passes.next()
        daemon.change { $0.masquerade.all = true }
        daemon.mailbox.send(.reload(.signal))
        daemon.gate.release()
        #expect(await passes.next()?.changed == .all)
        let lines = daemon.log.lines
        #expect(lines.contains("Host problem found problem=masquerade all: true"))
        #expect(lines.contains("Configuration reloaded"))
        daemon.refuse()
        daemon.mailbox.send(.reload(.signal))
        // Answered after it.
        #expect(await daemon.mailbox.confirm() == 0)
        #expect(
            await daemon.view.status().issues.map { "\($0.kind): \($0.problem)" }
                == ["configuration: not reloaded: refused"]
        )
        await daemon.stop()
        #expect(daemon.view.snapshot.configuration.masquerade.all)
    }
}
