import FoundationEssentials
import KubernetesAPI
import KubernetesObjects
package import Logging
import NIOCore
import ServiceModel
import Synchronization

/// Reports to the cluster as Events on a Service or on this node's Node object.
///
/// Best effort: no caller waits for it, events that cannot be sent are retried or dropped, and an
/// API server that forbids Events gets none.
package final class EventRecorder: Sendable {
    /// Counts of events so far.
    package struct Counts: Sendable, Hashable {
        /// Objects created, and counts updated.
        package var sent = 0
        /// Dropped for newer ones.
        package var dropped = 0
        /// Rejected by the server.
        package var refused = 0
    }

    private struct State {
        var queue = EventQueue()
        var isOff = false
        var sent = 0
        var refused = 0
    }

    /// The result of sending an event.
    private enum Outcome {
        case sent
        case lost
        case abandoned(String)
        case failed(String, after: Int)
        case forbidden(String)
    }

    private static let patience = Duration.seconds(10)
    private static let firstPause = Duration.seconds(10)
    private static let longestPause = Duration.seconds(300)

    private let nodeName: String
    private let time: Timebase
    private let logger: Logger
    private let state = Mutex(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    package init(nodeName: String, time: Timebase = .standard, logger: Logger) {
        self.nodeName = nodeName
        self.time = time
        self.logger = logger
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Queues an event and returns at once; it is sent when there is a connection. An event on a
    /// Service with a name invalid in Kubernetes is ignored.
    package func record(_ event: ClusterEvent) {
        if case .service(let service) = event.regarding,
            !ObjectNames.isLabel(service.namespace) || !ObjectNames.isObjectName(service.name)
        {
            return
        }
        state.withLock { state in
            if !state.isOff { state.queue.add(event, at: .now, time.now) }
        }
        wake.yield()
    }

    package var counts: Counts {
        state.withLock {
            Counts(sent: $0.sent, dropped: $0.queue.dropped, refused: $0.refused)
        }
    }

    /// Sends events until the task is cancelled or the server forbids it. Call once, with a
    /// connection that uses JSON.
    package func run(_ connection: APIConnection) async {
        var sender = Sender()
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        wake.yield()
        for await _ in wakes {
            timer?.cancel()
            let delay = await sendAllDue(connection, &sender)
            guard !state.withLock(\.isOff) else { return }
            guard let delay else { continue }
            timer = Task { [time, wake] in
                // Cancelled: a later timer takes over.
                guard (try? await time.sleep(for: delay)) != nil else { return }
                wake.yield()
            }
        }
    }

    // MARK: - Sending

    /// State kept from one event to the next.
    private struct Sender {
        var pause = EventRecorder.firstPause
        var isFailing = false
        var hasLoggedRefusal = false
        var loggedDropped = 0
    }

    /// How long to wait for the next event; nil if none is waiting.
    private func sendAllDue(
        _ connection: APIConnection,
        _ sender: inout Sender
    ) async -> Duration? {
        while !Task.isCancelled {
            let (step, isOff) = state.withLock { ($0.queue.next(at: time.now), $0.isOff) }
            if isOff { return nil }
            switch step {
            case .idle: return nil
            case .wait(let delay): return delay
            case .send(let series):
                let outcome = await send(series, connection)
                guard !Task.isCancelled else { return nil }
                settle(series, outcome, &sender)
            }
        }
        return nil
    }

    private func settle(
        _ series: EventQueue.Series,
        _ outcome: Outcome,
        _ sender: inout Sender
    ) {
        let now = time.now
        switch outcome {
        case .sent:
            sender.pause = Self.firstPause
            sender.isFailing = false
            state.withLock {
                $0.queue.sent(series, at: now)
                $0.sent += 1
            }
        case .lost: state.withLock { $0.queue.lost(series.event) }
        case .abandoned(let reason):
            state.withLock {
                $0.queue.abandon(series.event)
                $0.refused += 1
            }
            if !sender.hasLoggedRefusal {
                warn("API server rejected an Event, it is dropped", reason)
            }
            sender.hasLoggedRefusal = true
        case .failed(let reason, let seconds):
            let pause = max(sender.pause, .seconds(seconds))
            sender.pause = min(sender.pause * 2, Self.longestPause)
            state.withLock { $0.queue.pause(until: now + pause) }
            if !sender.isFailing { warn("Failed to send Events, will retry", reason) }
            sender.isFailing = true
        case .forbidden(let reason):
            state.withLock {
                $0.isOff = true
                $0.refused += 1
            }
            warn("Not permitted to create Events, no more are sent", reason)
        }
        let dropped = counts.dropped
        if dropped > 0, sender.loggedDropped == 0 { warn("Dropped Events", "queue is full") }
        sender.loggedDropped = dropped
    }

    private func warn(_ message: Logger.Message, _ reason: String) {
        logger.warning(message, metadata: ["reason": "\(reason)"])
    }

    // MARK: - One event

    private func send(
        _ series: EventQueue.Series,
        _ connection: APIConnection
    ) async -> Outcome {
        do {
            let request = try await request(for: series, connection)
            try await connection.send(request) { [time] body in
                _ = try await Self.answer(body, time)
            }
            return .sent
        } catch let status as APIStatus {
            return Self.outcome(status, isNew: series.sentCount == 0)
        } catch {
            return .failed(shortText(error), after: 0)
        }
    }

    /// An answer to a request for Events is short.
    private static let answerLimit = 1 << 20

    /// The whole answer; one without end is an error, whether much of it comes or little at a time.
    private static func answer(_ body: APIBody, _ time: Timebase) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        let end = time.now + patience * 3
        try await body.read { chunk in
            guard bytes.count + chunk.readableBytes <= answerLimit, time.now < end else {
                throw ClientError("an answer without end")
            }
            bytes += chunk.readableBytesView
        }
        return bytes
    }

    private static func outcome(_ status: APIStatus, isNew: Bool) -> Outcome {
        let reason = shortText(ClientError(status.description))
        switch status.code {
        // Created by an earlier try whose response was lost.
        case 409 where isNew: return .sent
        case 404 where !isNew: return .lost
        // Nothing can be created in a namespace being deleted.
        case 403 where status.causes.contains("NamespaceTerminating"): return .abandoned(reason)
        case 403: return .forbidden(reason)
        case 401, 408, 409, 429, 500...:
            return .failed(reason, after: status.retryAfterSeconds ?? 0)
        default: return .abandoned(reason)
        }
    }

    private func request(
        for series: EventQueue.Series,
        _ connection: APIConnection
    ) async throws -> APIRequest {
        let isNew = series.sentCount == 0
        let uid = isNew ? await uid(series.event.regarding, connection) : nil
        let object = EventObject(series, nodeName: nodeName, uid: uid)
        let collection = "/apis/events.k8s.io/v1/namespaces/\(object.metadata.namespace)/events"
        guard !isNew else {
            return APIRequest(
                path: collection,
                content: .creation(try object.json()),
                idleLimit: Self.patience
            )
        }
        return APIRequest(
            path: "\(collection)/\(object.metadata.name)",
            content: .mergePatch(try object.seriesPatch()),
            idleLimit: Self.patience
        )
    }

    /// The Service's UID, requested here because nothing else needs it; nil if the request fails,
    /// and the event is sent without it.
    private func uid(
        _ object: ClusterEvent.Object,
        _ connection: APIConnection
    ) async -> String? {
        guard case .service(let service) = object else { return nil }
        struct List: Decodable {
            struct Item: Decodable { var metadata: Metadata }
            struct Metadata: Decodable { var uid: String }
            var items: [Item]
        }
        let request = APIRequest(
            path: "/api/v1/namespaces/\(service.namespace)/services",
            query: [("fieldSelector", "metadata.name=\(service.name)"), ("limit", "1")],
            idleLimit: Self.patience
        )
        let bytes = try? await connection.send(request) { [time] body in
            try await Self.answer(body, time)
        }
        return bytes.flatMap {
            try? JSONDecoder().decode(List.self, from: Data($0)).items.first?.metadata.uid
        }
    }
}
