import Addressing
import Reconciling
import ServiceModel
import Testing

@Suite("RemovalBrake")
struct RemovalBrakeTests {
    private let start = ContinuousClock.now

    private static func name(_ index: Int) -> ServiceName {
        ServiceName(namespace: "shop", name: "s\(index)")
    }

    private static func slice(_ index: Int, ready: Bool = true) -> EndpointSlice {
        EndpointSlice(
            name: "s",
            service: name(index),
            family: .ipv4,
            ports: [],
            endpoints: [
                Endpoint(address: IPAddress(ipv4: 0x0a00_0001), ready: ready, serving: ready)
            ]
        )
    }

    private static func cluster(_ indexes: some Sequence<Int>) -> ServiceSnapshot {
        var snapshot = ServiceSnapshot()
        for index in indexes {
            snapshot.services[name(index)] = Service(name: name(index))
            snapshot.slices[name(index)] = [slice(index)]
        }
        return snapshot
    }

    private static func all(_ snapshot: ServiceSnapshot) -> SnapshotUpdate {
        SnapshotUpdate(snapshot: snapshot, changed: .all)
    }

    private func started(_ count: Int) -> RemovalBrake {
        var brake = RemovalBrake(RemovalBrake.Settings())
        _ = brake.take(Self.all(Self.cluster(0..<count)), at: start)
        return brake
    }

    @Test("A source that drops to nothing changes nothing, until the time is over")
    func dropToNothing() throws {
        var brake = started(100)
        let held = brake.take(Self.all(ServiceSnapshot()), at: start)
        #expect(held.snapshot.services.count == 100)
        #expect(held.changed == .some([]))
        let hold = try #require(brake.hold)
        #expect(hold.services == 100)
        #expect(hold.total == 100)
        let early = brake.expire(at: hold.until - .seconds(1))
        #expect(early == nil)
        let expired = brake.expire(at: hold.until)
        let released = try #require(expired)
        #expect(released.snapshot.services.isEmpty)
        #expect(released.snapshot.slices.isEmpty)
        #expect(brake.hold == nil)
    }

    @Test("Half may go, more may not", arguments: [(50, false), (51, true)])
    func threshold(_ loss: Int, _ isHeld: Bool) {
        var brake = started(100)
        let update = brake.take(Self.all(Self.cluster(loss..<100)), at: start)
        #expect((brake.hold != nil) == isHeld)
        #expect(update.snapshot.services.count == (isHeld ? 100 : 100 - loss))
    }

    @Test("Few Services may go, however great their part")
    func smallNode() {
        var brake = started(9)
        #expect(brake.take(Self.all(ServiceSnapshot()), at: start).snapshot.services.isEmpty)
        #expect(brake.hold == nil)
    }

    @Test("Services that lose all their endpoints count as lost")
    func endpoints() {
        var brake = started(20)
        var sick = Self.cluster(0..<20)
        for index in 0..<12 { sick.slices[Self.name(index)] = [Self.slice(index, ready: false)] }
        let update = brake.take(Self.all(sick), at: start)
        #expect(brake.hold?.services == 12)
        #expect(update.snapshot.slices[Self.name(3)]?[0].endpoints[0].ready == true)
    }

    @Test("Single changes pass meanwhile, and what is back is as the source says")
    func meanwhile() {
        var brake = started(20)
        _ = brake.take(Self.all(Self.cluster(15..<20)), at: start)
        var next = Self.cluster(15..<21)
        next.services[Self.name(16)]?.sessionAffinity = .clientIP(timeoutSeconds: 9)
        let changed: Set = [Self.name(16), Self.name(20)]
        let update = brake.take(SnapshotUpdate(snapshot: next, changed: .some(changed)), at: start)
        #expect(update.changed == .some(changed))
        #expect(update.snapshot.services[Self.name(16)]?.sessionAffinity != SessionAffinity.none)
        #expect(update.snapshot.services.count == 21)
        #expect(brake.hold?.services == 15)
        // Most are back: what is still lost goes.
        let back = brake.take(Self.all(Self.cluster(2..<21)), at: start)
        #expect(brake.hold == nil)
        #expect(Set(back.snapshot.services.keys) == Set((2..<21).map(Self.name)))
    }

    @Test("A flapping source changes nothing while it is down, and the hold begins anew each time")
    func flapping() {
        var brake = started(40)
        for round in 1...5 {
            let now = start.advanced(by: .seconds(60 * round))
            let down = brake.take(Self.all(ServiceSnapshot()), at: now)
            #expect(down.snapshot.services.count == 40)
            #expect(brake.hold?.since == now)
            let up = brake.take(Self.all(Self.cluster(0..<40)), at: now.advanced(by: .seconds(5)))
            #expect(up.snapshot.services.count == 40)
            #expect(brake.hold == nil)
        }
    }

    @Test("Losses in quick succession count together, and slow ones do not", arguments: [1, 40])
    func succession(_ seconds: Int) {
        var brake = started(40)
        var snapshot = Self.cluster(0..<40)
        for index in 0..<40 {
            snapshot.services[Self.name(index)] = nil
            let now = start.advanced(by: .seconds(seconds * index))
            _ = brake.take(
                SnapshotUpdate(snapshot: snapshot, changed: .some([Self.name(index)])),
                at: now
            )
        }
        #expect((brake.hold != nil) == (seconds == 1))
    }

    @Test("A confirmed shutdown of a large application goes through at once")
    func confirmation() throws {
        var brake = started(40)
        let nothing = brake.confirm(at: start)
        #expect(nothing == nil)
        _ = brake.take(Self.all(Self.cluster(35..<40)), at: start)
        let confirmed = brake.confirm(at: start)
        let update = try #require(confirmed)
        #expect(update.snapshot.services.count == 5)
        #expect(update.changed == .some(Set((0..<35).map(Self.name))))
        // What was confirmed is not held again.
        let after = brake.take(Self.all(Self.cluster(36..<40)), at: start)
        #expect(after.snapshot.services.count == 4)
        #expect(brake.hold == nil)
    }
}
