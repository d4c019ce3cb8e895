import Foundation
import KubernetesAPI
import KubernetesTestServer
import Logging
import ServiceModel
import Synchronization
import Testing

@testable import KubernetesClient

extension NetworkSuites {
    /// Events as servers, and people, see them.
    @Suite("Events")
    struct EventRecorderTests {
        private static let web = ServiceName(namespace: "shop", name: "web")

        private static func event(
            _ note: String = "ClusterIP is taken",
            on object: ClusterEvent.Object = .service(web)
        ) -> ClusterEvent {
            ClusterEvent(.warning, on: object, reason: "NotProgrammed", action: "Plan", note: note)
        }

        private static func series(_ event: ClusterEvent, count: Int = 1) -> EventQueue.Series {
            EventQueue.Series(
                event: event,
                number: 0x187b_2f6c_dd3a_5c00,
                first: APITime(seconds: 1_767_323_045, nanoseconds: 678_901_234),
                last: APITime(seconds: 1_767_323_105, nanoseconds: 7000),
                count: count,
                seenAt: .zero
            )
        }

        private static func json(_ event: ClusterEvent, count: Int = 1, node: String = "node-a")
            throws
            -> String
        {
            let object = EventObject(series(event, count: count), nodeName: node, uid: "0-1")
            return String(decoding: try object.json(), as: UTF8.self)
        }

        // MARK: - What is sent

        @Test("An event at a Service, and at the Node")
        func objects() throws {
            #expect(
                try Self.json(Self.event()) == #"{"action":"Plan","apiVersion":"events.k8s.io/v1","#
                    + #""eventTime":"2026-01-02T03:04:05.678901Z","kind":"Event","#
                    + #""metadata":{"name":"web.187b2f6cdd3a5c00","namespace":"shop"},"#
                    + #""note":"ClusterIP is taken","reason":"NotProgrammed","#
                    + #""regarding":{"apiVersion":"v1","kind":"Service","name":"web","#
                    + #""namespace":"shop","uid":"0-1"},"reportingController":"fairlead","#
                    + #""reportingInstance":"node-a","type":"Warning"}"#
            )
            let started = ClusterEvent(
                .normal,
                on: .node,
                reason: "Starting",
                action: "Start",
                note: ""
            )
            #expect(
                try Self.json(started, count: 3) == #"{"action":"Start","#
                    + #""apiVersion":"events.k8s.io/v1","#
                    + #""eventTime":"2026-01-02T03:04:05.678901Z","kind":"Event","#
                    + #""metadata":{"name":"node-a.187b2f6cdd3a5c00","namespace":"default"},"#
                    + #""note":"","reason":"Starting","regarding":{"apiVersion":"v1","kind":"Node","#
                    + #""name":"node-a","uid":"node-a"},"reportingController":"fairlead","#
                    + #""reportingInstance":"node-a","series":{"count":3,"#
                    + #""lastObservedTime":"2026-01-02T03:05:05.000007Z"},"type":"Normal"}"#
            )
        }

        @Test("Hostile text is escaped and cut, and names stay names")
        func hostileText() throws {
            let note = Self.event("a\u{1b}[31m\n\u{202e}\"\u{0}b").note
            #expect(note == #"a\u{1b}[31m\u{a}\u{202e}"\u{0}b"#)
            for unit in ["é", "\u{1b}", "🚢", "x"] {
                let long = Self.event(String(repeating: unit, count: 2000)).note
                #expect((1000...1024).contains(long.utf8.count), "\(unit)")
                #expect(long.hasSuffix("…"))
            }
            #expect(Self.event(String(repeating: "x", count: 1024)).note.hasSuffix("x"))
            for (name, base) in [
                ("Node/../a", "fairlead"), ("", "fairlead"), ("node-a..", "node-a"),
                (String(repeating: "a.", count: 126), String(repeating: "a.", count: 99) + "a"),
            ] {
                let json = try Self.json(Self.event(on: .node), node: name)
                #expect(
                    json.contains(#""metadata":{"name":"\#(base).187b2f6cdd3a5c00","#),
                    "\(json)"
                )
            }
            let long = try Self.json(
                Self.event(on: .node),
                node: String(repeating: "n", count: 200)
            )
            #expect(
                long.contains("\"reportingInstance\":\"\(String(repeating: "n", count: 128))\"")
            )
        }

        // MARK: - With a server

        /// A recorder that sends to `server` while `body` runs; its clock is `speed` times as fast.
        private func withRecorder(
            _ address: ServerAddress,
            speed: Int = 1,
            log: TestLog = TestLog(),
            _ body: (EventRecorder) async throws -> Void
        ) async throws {
            var settings = APIConnection.Settings.unlimited
            settings.contentType = .json
            let time = Timebase(speed: speed)
            try await withConnection(
                ClusterAccess(servers: [address]),
                settings: settings,
                time: time
            ) { connection in
                let recorder = EventRecorder(nodeName: "node-a", time: time, logger: log.logger)
                let running = Task { await recorder.run(connection) }
                try await body(recorder)
                running.cancel()
                await running.value
            }
        }

        @Test(
            "An event arrives with the Service's UID; repeats raise its count, also if it was lost"
        )
        func life() async throws {
            let cluster = TestCluster()
            cluster.put(.service(Service(name: Self.web)))
            try await withServer(cluster) { server, address in
                try await withRecorder(address, speed: 1000) { recorder in
                    recorder.record(Self.event())
                    recorder.record(Self.event("started", on: .node))
                    #expect(await eventually { server.events.count == 2 })
                    let event = try #require(server.events.first)
                    #expect(event.namespace == "shop")
                    #expect(event.name.hasPrefix("web."))
                    #expect(event.json.contains(#""note":"ClusterIP is taken""#))
                    #expect(event.json.firstMatch(of: /"uid":"[0-9a-f]{8}-0000-4000-/) != nil)
                    #expect(server.events.last?.namespace == "default")
                    let post = server.requests.first { $0.method == "POST" }
                    #expect(post?.path == "/apis/events.k8s.io/v1/namespaces/shop/events")
                    #expect(post?.headers["content-type"] == "application/json")
                    recorder.record(Self.event())
                    #expect(await eventually { server.events.first?.patches.isEmpty == false })
                    let patch = try #require(server.events.first?.patches.first)
                    #expect(patch.hasPrefix(#"{"series":{"count":2,"lastObservedTime":"20"#))
                    let change = server.requests.first { $0.method == "PATCH" }
                    #expect(change?.headers["content-type"] == "application/merge-patch+json")
                    server.forgetEvents()
                    recorder.record(Self.event())
                    #expect(await eventually { server.events.count == 1 })
                    #expect(server.events.first?.name == event.name)
                    #expect(server.events.first?.json.contains(#""series":{"count":3,"#) == true)
                }
            }
        }

        @Test("An event for an unknown Service has no UID; invalid names are ignored")
        func withoutUID() async throws {
            try await withServer { server, address in
                try await withRecorder(address) { recorder in
                    for name in ["a/b", "..", "web?x"] {
                        for service in [
                            ServiceName(namespace: name, name: "web"),
                            ServiceName(namespace: "shop", name: name),
                        ] { recorder.record(Self.event(on: .service(service))) }
                    }
                    recorder.record(Self.event())
                    #expect(await eventually { server.events.count == 1 })
                    #expect(server.events.first?.json.contains("uid") == false)
                    #expect(await eventually { recorder.counts.sent == 1 })
                }
            }
        }

        @Test("An answer without end about the Service's UID costs the UID, and not the event")
        func endlessUID() async throws {
            let cluster = TestCluster()
            cluster.put(.service(Service(name: Self.web)))
            try await withServer(cluster) { server, address in
                server.setFault { $0.method == "GET" ? .endless : nil }
                try await withRecorder(address) { recorder in
                    recorder.record(Self.event())
                    #expect(await eventually { server.events.count == 1 })
                    #expect(server.requests.contains { $0.method == "GET" })
                    #expect(server.events.first?.json.contains("uid") == false)
                }
            }
        }

        @Test(
            "Sending ends when the server forbids Events, with one log message",
            .timeLimit(.minutes(10))
        )
        func forbidden() async throws {
            let log = TestLog()
            try await withServer { server, address in
                let forbidden = ServedStatus(code: 403, reason: "Forbidden")
                server.setFault { $0.method == "POST" ? .status(forbidden) : nil }
                var settings = APIConnection.Settings.unlimited
                settings.contentType = .json
                let access = ClusterAccess(servers: [address])
                try await withConnection(access, settings: settings) { connection in
                    let recorder = EventRecorder(nodeName: "node-a", logger: log.logger)
                    for number in 0..<5 { recorder.record(Self.event("\(number)")) }
                    // Ends without being cancelled, so nothing can be sent later.
                    await recorder.run(connection)
                    #expect(server.requests.count { $0.method == "POST" } == 1)
                    #expect(log.lines == ["Not permitted to create Events, no more are sent"])
                    recorder.record(Self.event("later"))
                    #expect(recorder.counts == EventRecorder.Counts(refused: 1))
                }
            }
        }

        @Test("A namespace that goes away, or is gone, costs only its own events")
        func refused() async throws {
            let log = TestLog()
            try await withServer { server, address in
                server.setFault { request in
                    guard request.method == "POST", request.path.contains("/shop/") else {
                        return nil
                    }
                    let body = String(decoding: request.body, as: UTF8.self)
                    return body.contains("terminating")
                        ? .status(
                            .init(code: 403, reason: "Forbidden", cause: "NamespaceTerminating")
                        ) : .status(.init(code: 404, reason: "NotFound"))
                }
                try await withRecorder(address, log: log) { recorder in
                    recorder.record(Self.event("terminating"))
                    recorder.record(Self.event("gone"))
                    recorder.record(Self.event("fine", on: .node))
                    #expect(await eventually { server.events.count == 1 })
                    let counts = EventRecorder.Counts(sent: 1, dropped: 0, refused: 2)
                    #expect(await eventually { recorder.counts == counts })
                    #expect(log.lines == ["API server rejected an Event, it is dropped"])
                }
            }
        }

        @Test("What fails is sent later, once, and logged once")
        func retries() async throws {
            let log = TestLog()
            let tries = Mutex(0)
            try await withServer { server, address in
                server.setFault { request in
                    guard request.method == "POST" else { return nil }
                    let number = tries.withLock { tries in
                        defer { tries += 1 }
                        return tries
                    }
                    return switch number {
                    case 0: .status(.init(code: 503, reason: "ServiceUnavailable"))
                    case 1: .drop
                    // Made, and its answer lost.
                    case 2: .dropAfter(bytes: 0)
                    default: nil
                    }
                }
                try await withRecorder(address, speed: 100, log: log) { recorder in
                    recorder.record(Self.event())
                    #expect(await eventually { recorder.counts.sent == 1 })
                    #expect(server.events.count == 1)
                    #expect(tries.withLock { $0 } == 4)
                    #expect(log.lines == ["Failed to send Events, will retry"])
                }
            }
        }

        @Test(
            "A server that never responds blocks no caller, and the newest events are kept",
            .timeLimit(.minutes(10))
        )
        func silence() async throws {
            let log = TestLog()
            try await withServer { server, address in
                server.setFault { _ in .stall }
                try await withRecorder(address, log: log) { recorder in
                    // A caller that waited for the server would do so for good.
                    for number in 0..<5000 { recorder.record(Self.event("\(number)")) }
                    #expect(recorder.counts == .init(sent: 0, dropped: 4900, refused: 0))
                }
            }
        }
    }
}

/// Messages of a logger.
private final class TestLog: Sendable {
    private let messages = Mutex<[String]>([])

    var lines: [String] { messages.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: TestLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.messages.withLock { $0.append("\(event.message)") }
        }
    }
}
