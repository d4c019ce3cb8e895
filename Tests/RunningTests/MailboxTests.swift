import Addressing
import DaemonConfiguration
import HTTPServing
import KubernetesAPI
import KubernetesClient
import Reconciling
import ServiceModel
import Synchronization
import Testing

@testable import Observability
@testable import Running

/// What waits while the loop is busy.
@Suite("Mailbox", .timeLimit(.minutes(10)))
struct MailboxTests {
    private static func name(_ index: Int) -> ServiceName {
        ServiceName(namespace: "shop", name: "s\(index)")
    }

    private static func snapshot(_ indexes: some Sequence<Int>) -> ServiceSnapshot {
        var snapshot = ServiceSnapshot()
        for index in indexes {
            snapshot.services[name(index)] = Service(name: name(index))
            snapshot.slices[name(index)] = [
                EndpointSlice(
                    name: "a",
                    service: name(index),
                    family: .ipv4,
                    ports: [],
                    endpoints: []
                )
            ]
        }
        return snapshot
    }

    private static func update(_ indexes: some Sequence<Int>, _ changed: Int...) -> SnapshotUpdate {
        SnapshotUpdate(snapshot: snapshot(indexes), changed: .some(Set(changed.map(name))))
    }

    /// The next events, as many as there should be.
    private static func read(_ count: Int, from mailbox: Mailbox) async -> [DaemonEvent] {
        var events: [DaemonEvent] = []
        while events.count < count, let event = await mailbox.next() { events.append(event) }
        return events
    }

    @Test("What a stop ends is told at once, whichever comes first")
    func stopAction() async {
        let calls = Mutex(0)
        let mailbox = Mailbox()
        mailbox.whenStopping { calls.withLock { $0 += 1 } }
        mailbox.send(.tick)
        #expect(calls.withLock { $0 } == 0 && !mailbox.isStopping)
        mailbox.send(.stop(signal: 15))
        #expect(calls.withLock { $0 } == 1 && mailbox.isStopping)
        let stopped = Mailbox()
        stopped.send(.stop(signal: 15))
        stopped.whenStopping { calls.withLock { $0 += 1 } }
        #expect(calls.withLock { $0 } == 2)
    }

    @Test("News are what waits beside ticks and wakes")
    func news() async {
        let mailbox = Mailbox()
        mailbox.send(.tick)
        mailbox.send(.wake)
        #expect(!mailbox.hasNews)
        mailbox.send(.arrived(.files(Self.update([1], 1))))
        #expect(mailbox.hasNews)
        _ = await Self.read(3, from: mailbox)
        #expect(!mailbox.hasNews)
        mailbox.send(.stop(signal: 15))
        #expect(mailbox.hasNews)
    }

    @Test("A stop is read before everything that came earlier")
    func stopFirst() async {
        let mailbox = Mailbox()
        mailbox.send(.tick)
        mailbox.send(.arrived(.files(Self.update([1], 1))))
        mailbox.send(.stop(signal: 15))
        let events = await Self.read(3, from: mailbox)
        guard case .stop = events[0], case .tick = events[1], case .arrived = events[2] else {
            Issue.record("\(events)")
            return
        }
    }

    @Test("A long pass leaves one event of each kind, whatever came meanwhile, in order of arrival")
    func noQueue() async {
        let mailbox = Mailbox()
        mailbox.send(.tick)
        for index in 0..<1000 {
            mailbox.send(.arrived(.files(Self.update(0...index, index))))
            mailbox.send(.arrived(.cluster(KubernetesUpdate(update: Self.update([index], index)))))
            mailbox.send(.tick)
            mailbox.send(.wake)
            mailbox.send(.reload(index == 7 ? .signal : .fileChanged))
        }
        mailbox.send(.stop(signal: 15))
        let events = Array(await Self.read(6, from: mailbox).dropFirst())
        #expect(events.count == 5)
        // Nothing was left behind these.
        mailbox.send(.tick)
        guard case .tick? = await mailbox.next() else {
            Issue.record("more than one event of a kind")
            return
        }
        guard case .tick = events[0], case .arrived(.files(let files)) = events[1],
            case .arrived(.cluster(let cluster)) = events[2], case .wake = events[3],
            case .reload(.signal) = events[4]
        else {
            Issue.record("\(events)")
            return
        }
        #expect(files.snapshot == Self.snapshot(0..<1000))
        #expect(files.changed == .some(Set((0..<1000).map(Self.name))))
        #expect(cluster.update.snapshot == Self.snapshot([999]))
        #expect(cluster.update.changed == .some(Set((0..<1000).map(Self.name))))
    }

    @Test("A first update that is replaced unread keeps that everything changed")
    func firstUpdate() async {
        let mailbox = Mailbox()
        mailbox.send(
            .arrived(.files(SnapshotUpdate(snapshot: Self.snapshot(0..<3), changed: .all)))
        )
        mailbox.send(.arrived(.files(Self.update(1..<3, 0))))
        guard case .arrived(.files(let update))? = await mailbox.next() else {
            Issue.record("no update")
            return
        }
        #expect(update.changed == .all)
        #expect(update.snapshot == Self.snapshot(1..<3))
        // It was deleted, which else only a list could not say.
        #expect(update.removals.services == [Self.name(0): .deleted])
        #expect(update.removals.slices == [Self.name(0): ["a": .deleted]])
    }

    @Test("How objects went stays what the update said by which they went")
    func removals() {
        var joined = Self.update(0..<4, 0)
        var list = SnapshotUpdate(snapshot: Self.snapshot(1..<4), changed: .all)
        joined.join(list)
        #expect(joined.removals.services == [Self.name(0): .missing])
        var named = Self.update(2..<4, 1)
        named.removals.note(Self.name(1), .missing)
        joined.join(named)
        #expect(joined.removals.services == [Self.name(0): .missing, Self.name(1): .missing])
        list = Self.update(3..<4, 2)
        joined.join(list)
        #expect(joined.removals.services[Self.name(2)] == .deleted)
        #expect(joined.changed == .all)
    }

    @Test("Of the cluster the latest counts, and every change of endpoints is timed")
    func cluster() async {
        let mailbox = Mailbox()
        func send(_ seconds: Int64, _ unanswered: Set<KubernetesResource>) {
            var update = KubernetesUpdate(update: Self.update([1], 1), unanswered: unanswered)
            let time = APITime(seconds: seconds, nanoseconds: 0)
            update.triggers = [Self.name(1): [EndpointTrigger(family: .ipv4, time: time)]]
            mailbox.send(.arrived(.cluster(update)))
        }
        send(1, [.nodes])
        send(2, [])
        guard case .arrived(.cluster(let update))? = await mailbox.next() else {
            Issue.record("no update")
            return
        }
        #expect(update.unanswered.isEmpty)
        #expect(update.triggers[Self.name(1)]?.map(\.time.seconds) == [1, 2])
    }

    @Test("A reader that waits gets what comes")
    func waiting() async {
        let mailbox = Mailbox()
        let read = Task { await mailbox.next() }
        await Task.yield()
        mailbox.send(.tick)
        guard case .tick? = await read.value else {
            Issue.record("no tick")
            return
        }
        let last = Task { await mailbox.next() }
        mailbox.close()
        #expect(await last.value == nil)
        mailbox.send(.tick)
        #expect(await mailbox.next() == nil)
    }

    @Test("Each confirmation is answered by its own answer")
    func confirmations() async {
        let mailbox = Mailbox()
        async let answers = withTaskGroup(of: Int?.self) { group in
            for _ in 0..<20 { group.addTask { await mailbox.confirm() } }
            return await group.reduce(into: Set<Int?>()) { $0.insert($1) }
        }
        for count in 1...20 {
            guard case .confirm(let id)? = await mailbox.next() else {
                Issue.record("no confirmation")
                return
            }
            mailbox.answer(id, count)
        }
        #expect(await answers == Set((1...20).map { Optional($0) }))
    }

    @Test("A confirmation still unread at the stop, and one that comes later, are answered")
    func confirmationAtStop() async {
        let request = HTTPRequest(method: "POST", path: "/confirm")
        // Which of the two is first differs from round to round.
        for _ in 0..<200 {
            let mailbox = Mailbox()
            let view = DaemonView(DaemonConfiguration(), families: [.ipv4]) {
                await mailbox.confirm()
            }
            let asked = Task { await view.statusPages.answer(request) }
            await Task.yield()
            mailbox.close()
            #expect(await asked.value.status == 503)
            #expect(await view.statusPages.answer(request).status == 503)
        }
    }
}
