import KubernetesAPI
import ServiceModel
import Testing

@testable import KubernetesClient

/// Which events are sent, and when.
@Suite("Event queue")
struct EventQueueTests {
    private static func event(_ number: Int = 0, on name: String? = "web") -> ClusterEvent {
        ClusterEvent(
            .warning,
            on: name.map { .service(ServiceName(namespace: "shop", name: $0)) } ?? .node,
            reason: "NotProgrammed",
            action: "Plan",
            note: "number \(number)"
        )
    }

    private static func add(
        _ event: ClusterEvent,
        to queue: inout EventQueue,
        at seconds: Int
    ) {
        queue.add(event, at: APITime(seconds: 1000 + Int64(seconds)), .seconds(seconds))
    }

    /// Sends what is due; the notes and counts in order.
    private static func drain(_ queue: inout EventQueue, at seconds: Int) -> [EventQueue.Series] {
        var sent: [EventQueue.Series] = []
        while case .send(let series) = queue.next(at: .seconds(seconds)) {
            queue.sent(series, at: .seconds(seconds))
            sent.append(series)
        }
        return sent
    }

    @Test("A repeated event is counted, and the count is sent once in five minutes")
    func repeats() {
        var queue = EventQueue()
        Self.add(Self.event(), to: &queue, at: 0)
        #expect(Self.drain(&queue, at: 0).map(\.count) == [1])
        #expect(queue.next(at: .seconds(1)) == .idle)
        for second in 1...20 { Self.add(Self.event(), to: &queue, at: second) }
        #expect(queue.next(at: .seconds(20)) == .wait(.seconds(280)))
        let repeats = Self.drain(&queue, at: 300)
        #expect(repeats.map(\.count) == [21])
        #expect(repeats.map(\.sentCount) == [1])
        #expect(repeats.first?.first == APITime(seconds: 1000))
        #expect(repeats.first?.last == APITime(seconds: 1020))
        #expect(queue.next(at: .seconds(300)) == .idle)
    }

    @Test("After ten minutes of silence the same event is a new one")
    func window() {
        var queue = EventQueue()
        Self.add(Self.event(), to: &queue, at: 0)
        let first = Self.drain(&queue, at: 0)
        Self.add(Self.event(), to: &queue, at: 601)
        let second = Self.drain(&queue, at: 601)
        #expect(second.map(\.count) == [1])
        #expect(second.map(\.sentCount) == [0])
        #expect(first.first?.number != second.first?.number)
    }

    @Test("An event that is repeated while it is sent keeps its count")
    func repeatWhileSending() {
        var queue = EventQueue()
        Self.add(Self.event(), to: &queue, at: 0)
        guard case .send(let series) = queue.next(at: .zero) else {
            Issue.record("nothing is due")
            return
        }
        Self.add(Self.event(), to: &queue, at: 1)
        queue.sent(series, at: .seconds(1))
        #expect(queue.next(at: .seconds(1)) == .wait(.seconds(300)))
        #expect(Self.drain(&queue, at: 301).map(\.count) == [2])
    }

    @Test("An object has ten events at once and one a minute; another object has its own")
    func rate() {
        var queue = EventQueue()
        for number in 0..<15 { Self.add(Self.event(number), to: &queue, at: 0) }
        Self.add(Self.event(99, on: "api"), to: &queue, at: 0)
        Self.add(Self.event(99, on: nil), to: &queue, at: 0)
        let sent = Self.drain(&queue, at: 0).map(\.event)
        let others = ["api", nil].map { Self.event(99, on: $0) }
        #expect(sent == (0..<10).map { Self.event($0) } + others)
        #expect(queue.next(at: .zero) == .wait(.seconds(60)))
        #expect(Self.drain(&queue, at: 59).isEmpty)
        #expect(Self.drain(&queue, at: 60).map(\.event) == [Self.event(10)])
        #expect(Self.drain(&queue, at: 180).map(\.event) == [Self.event(11), Self.event(12)])
    }

    @Test("A hundred wait; of more the oldest are dropped and counted")
    func bound() {
        var queue = EventQueue()
        for number in 0..<130 { Self.add(Self.event(0, on: "s\(number)"), to: &queue, at: 0) }
        #expect(queue.dropped == 30)
        let sent = Self.drain(&queue, at: 0).map(\.event)
        #expect(sent == (30..<130).map { Self.event(0, on: "s\($0)") })
    }

    @Test("What the server lost is made again, and what it refused is not")
    func lostAndAbandoned() {
        var queue = EventQueue()
        Self.add(Self.event(), to: &queue, at: 0)
        _ = Self.drain(&queue, at: 0)
        Self.add(Self.event(), to: &queue, at: 1)
        queue.lost(Self.event())
        #expect(Self.drain(&queue, at: 301).map(\.sentCount) == [0])
        queue.abandon(Self.event())
        Self.add(Self.event(), to: &queue, at: 302)
        #expect(queue.next(at: .seconds(900)) == .idle)
    }

    @Test("While it pauses nothing is due")
    func pause() {
        var queue = EventQueue()
        queue.pause(until: .seconds(10))
        Self.add(Self.event(), to: &queue, at: 0)
        #expect(queue.next(at: .zero) == .wait(.seconds(10)))
        #expect(Self.drain(&queue, at: 10).count == 1)
    }
}
