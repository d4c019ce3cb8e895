import Addressing
import Reconciling
import ServiceModel
import Testing

@Suite("Removal guard")
struct MassRemovalGuardTests {
    private typealias Cluster = GuardedCluster

    private let start = ContinuousClock.now

    private func started(
        _ count: Int,
        _ settings: MassRemovalGuard.Settings = .init()
    ) -> MassRemovalGuard {
        var removalGuard = MassRemovalGuard(settings)
        _ = removalGuard.take(Cluster.list(Cluster.cluster(0..<count)), at: start)
        return removalGuard
    }

    // MARK: - Missing

    @Test("A source that drops to nothing changes nothing, until the time is over")
    func dropToNothing() throws {
        var removalGuard = started(100)
        let held = removalGuard.take(Cluster.list(ServiceSnapshot()), at: start)
        #expect(held.snapshot.services.count == 100)
        #expect(held.snapshot.services.values.allSatisfy { $0.isHeld })
        #expect(held.snapshot.slices == Cluster.cluster(0..<100).slices)
        let hold = try #require(removalGuard.hold)
        #expect(hold.services == 100 && hold.total == 100 && hold.deleted == 0)
        let early = removalGuard.expire(at: hold.until - .seconds(1))
        #expect(early == nil)
        let expired = removalGuard.expire(at: hold.until)
        let released = try #require(expired)
        #expect(released.snapshot.services.isEmpty)
        #expect(released.snapshot.slices.isEmpty)
        #expect(removalGuard.hold == nil)
        let ending = try #require(removalGuard.takeEndings().first)
        #expect(ending.reason == .expired && ending.held == 100 && ending.released == 100)
        #expect(ending.lasted == .seconds(600))
    }

    @Test("Half may be missing, more may not", arguments: [(50, false), (51, true)])
    func threshold(_ loss: Int, _ isHeld: Bool) {
        var removalGuard = started(100)
        let update = removalGuard.take(Cluster.list(Cluster.cluster(loss..<100)), at: start)
        #expect((removalGuard.hold != nil) == isHeld)
        #expect(update.snapshot.services.count == (isHeld ? 100 : 100 - loss))
    }

    @Test("Few Services may go, however great their part")
    func smallNode() {
        var removalGuard = started(9)
        let update = removalGuard.take(Cluster.list(ServiceSnapshot()), at: start)
        #expect(update.snapshot.services.isEmpty)
        #expect(removalGuard.hold == nil)
    }

    @Test("Services whose slices are missing are held with them, but not marked as held")
    func endpoints() {
        var removalGuard = started(20)
        var list = Cluster.cluster(0..<20)
        for index in 0..<12 { list.slices[Cluster.name(index)] = nil }
        let update = removalGuard.take(Cluster.list(list), at: start)
        #expect(removalGuard.hold?.services == 12)
        #expect(update.snapshot.slices[Cluster.name(3)] == [Cluster.slice(3)])
        #expect(update.snapshot.services[Cluster.name(3)]?.isHeld == false)
        // What a list has is what it says, even if nothing of it is ready.
        for index in 0..<12 {
            list.slices[Cluster.name(index)] = [Cluster.slice(index, ready: false)]
        }
        let sick = removalGuard.take(Cluster.list(list), at: start)
        #expect(removalGuard.hold == nil)
        #expect(sick.snapshot.slices == list.slices)
    }

    @Test("Single changes pass meanwhile, and what is back is as the source says")
    func meanwhile() throws {
        var removalGuard = started(20)
        _ = removalGuard.take(Cluster.list(Cluster.cluster(15..<20)), at: start)
        var next = Cluster.cluster(15..<21)
        next.services[Cluster.name(16)]?.sessionAffinity = .clientIP(timeoutSeconds: 9)
        let update = removalGuard.take(Cluster.events(next, 16, 20), at: start)
        #expect(update.changed == .some(Cluster.names([16, 20])))
        #expect(
            update.snapshot.services[Cluster.name(16)]?.sessionAffinity != SessionAffinity.none
        )
        #expect(update.snapshot.services.count == 21)
        #expect(removalGuard.hold?.services == 15)
        // Most are back: what is still missing goes.
        let back = removalGuard.take(
            Cluster.list(Cluster.cluster(2..<21)),
            at: start.advanced(by: .seconds(7))
        )
        #expect(removalGuard.hold == nil)
        #expect(back.snapshot.services == Cluster.cluster(2..<21).services)
        let ending = try #require(removalGuard.takeEndings().first)
        #expect(ending.reason == .recovered && ending.lasted == .seconds(7))
        #expect(ending.held == 15 && ending.returned == 13 && ending.released == 2)
        #expect(removalGuard.takeEndings().isEmpty)
    }

    @Test("A flapping source changes nothing while it is down, and the hold begins anew each time")
    func flapping() {
        var removalGuard = started(40)
        for round in 1...5 {
            let now = start.advanced(by: .seconds(60 * round))
            let down = removalGuard.take(Cluster.list(ServiceSnapshot()), at: now)
            #expect(down.snapshot.services.count == 40)
            #expect(removalGuard.hold?.since == now)
            let up = removalGuard.take(
                Cluster.list(Cluster.cluster(0..<40)),
                at: now.advanced(by: .seconds(5))
            )
            #expect(up.snapshot.services == Cluster.cluster(0..<40).services)
            #expect(removalGuard.hold == nil)
        }
    }

    @Test("Losses in quick succession count together, and slow ones do not", arguments: [1, 40])
    func succession(_ seconds: Int) {
        var removalGuard = started(40)
        for index in 1...40 {
            let now = start.advanced(by: .seconds(seconds * index))
            _ = removalGuard.take(Cluster.list(Cluster.cluster(index..<40)), at: now)
        }
        #expect((removalGuard.hold != nil) == (seconds == 1))
    }

    @Test("A loss that joins a hold gets the whole hold time")
    func secondLoss() throws {
        var removalGuard = started(40)
        _ = removalGuard.take(Cluster.list(Cluster.cluster(25..<40)), at: start)
        let later = start.advanced(by: .seconds(590))
        _ = removalGuard.take(Cluster.list(Cluster.cluster(30..<40)), at: later)
        var hold = try #require(removalGuard.hold)
        #expect(hold.since == start && hold.until == later.advanced(by: .seconds(600)))
        // What changes nothing about the loss changes nothing about its time.
        let news = removalGuard.take(
            Cluster.events(Cluster.cluster(30..<40), 35),
            at: later.advanced(by: .seconds(9))
        )
        #expect(news.changed == .some([]))
        hold = try #require(removalGuard.hold)
        #expect(hold.until == later.advanced(by: .seconds(600)))
        let early = removalGuard.expire(at: start.advanced(by: .seconds(600)))
        #expect(early == nil)
    }

    @Test("Losses accepted before a hold are not part of it, but count for as long as it lasts")
    func lossesBefore() throws {
        var removalGuard = started(40)
        for count in 1...23 {
            _ = removalGuard.take(
                Cluster.list(Cluster.cluster(count..<40)),
                at: start.advanced(by: .seconds(count))
            )
        }
        // The first twenty went one by one; the Services that remain are those that are counted.
        let hold = try #require(removalGuard.hold)
        #expect(hold.services == 3 && hold.total == 20)
        let calm = start.advanced(by: .seconds(300))
        _ = removalGuard.take(Cluster.events(Cluster.cluster(23..<40), 30), at: calm)
        #expect(removalGuard.hold?.services == 3)
        #expect(removalGuard.takeEndings().isEmpty)
    }

    @Test("Services that come and go meanwhile are among those that are counted, or not")
    func total() {
        var removalGuard = started(20)
        var next = Cluster.cluster(15..<25)
        var update = Cluster.list(next)
        _ = removalGuard.take(update, at: start)
        #expect(removalGuard.hold?.services == 15 && removalGuard.hold?.total == 25)
        next.services[Cluster.name(24)] = nil
        update = Cluster.events(next, 24)
        _ = removalGuard.take(update, at: start)
        #expect(removalGuard.hold?.services == 15 && removalGuard.hold?.total == 24)
    }

    @Test("A confirmed loss is released at once and does not count towards the next one")
    func confirmation() throws {
        var removalGuard = started(40)
        let nothing = removalGuard.confirm(at: start)
        #expect(nothing == nil)
        _ = removalGuard.take(Cluster.list(Cluster.cluster(35..<40)), at: start)
        let confirmed = removalGuard.confirm(at: start)
        let update = try #require(confirmed)
        #expect(update.snapshot.services.count == 5)
        #expect(update.changed == .some(Cluster.names(0..<35)))
        #expect(removalGuard.takeEndings().first?.reason == .confirmed)
        let after = removalGuard.take(Cluster.list(Cluster.cluster(36..<40)), at: start)
        #expect(after.snapshot.services.count == 4)
        #expect(removalGuard.hold == nil)
    }

    // MARK: - Deleted

    @Test("Deletions pass at once: one by one, all in one update, or by the last endpoint")
    func deletions() {
        var removalGuard = started(100)
        var snapshot = Cluster.cluster(0..<100)
        for index in 0..<60 {
            snapshot.services[Cluster.name(index)] = nil
            let update = removalGuard.take(Cluster.events(snapshot, index), at: start)
            #expect(update.snapshot.services[Cluster.name(index)] == nil)
        }
        for index in 60..<80 { snapshot.slices[Cluster.name(index)] = nil }
        let scaled = removalGuard.take(
            SnapshotUpdate(snapshot: snapshot, changed: .some(Cluster.names(60..<80))),
            at: start
        )
        #expect(scaled.snapshot.slices == snapshot.slices)
        let gone = removalGuard.take(
            SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .some(Cluster.names(0..<100))),
            at: start
        )
        #expect(gone.snapshot.services.isEmpty && gone.snapshot.slices.isEmpty)
        #expect(removalGuard.hold == nil && removalGuard.takeEndings().isEmpty)
    }

    @Test("A held Service that is deleted goes; when it is the last one, the hold ends by that")
    func deletedWhileHeld() throws {
        var removalGuard = started(12)
        _ = removalGuard.take(Cluster.list(ServiceSnapshot()), at: start)
        for index in 0..<12 {
            var removals = Removals()
            removals.note(Cluster.name(index), .deleted)
            let update = removalGuard.take(
                SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .some([]), removals: removals),
                at: start
            )
            #expect(update.snapshot.services[Cluster.name(index)] == nil)
            // As soon as fewer than ten are missing it is no mass any more.
            #expect(update.snapshot.services.count == (index < 2 ? 11 - index : 0))
        }
        let ending = try #require(removalGuard.takeEndings().first)
        #expect(ending.reason == .deleted && ending.deleted == 3 && ending.released == 9)
    }

    @Test("Endpoints that are known to be gone are not brought back; their Service stays held")
    func knownEndpoints() {
        var removalGuard = started(20)
        var list = ServiceSnapshot()
        // The list of Services comes first; the slices are still there.
        list.slices = Cluster.cluster(0..<20).slices
        let held = removalGuard.take(Cluster.list(list), at: start)
        #expect(held.snapshot.services.count == 20)
        list.slices[Cluster.name(1)] = nil
        list.slices[Cluster.name(2)] = [Cluster.slice(2, ready: false)]
        var removals = Removals()
        removals.note(slice: "a", of: Cluster.name(1), .deleted)
        let update = removalGuard.take(
            SnapshotUpdate(
                snapshot: list,
                changed: .some(Cluster.names([1, 2])),
                removals: removals
            ),
            at: start
        )
        #expect(update.snapshot.slices[Cluster.name(1)] == nil)
        #expect(update.snapshot.slices[Cluster.name(2)] == [Cluster.slice(2, ready: false)])
        #expect(update.snapshot.services[Cluster.name(1)]?.isHeld == true)
        #expect(removalGuard.hold?.services == 20)
        // Slices that go missing after their Service stay.
        let empty = removalGuard.take(Cluster.list(ServiceSnapshot()), at: start)
        #expect(empty.snapshot.slices[Cluster.name(5)] == [Cluster.slice(5)])
        #expect(empty.snapshot.slices[Cluster.name(1)] == nil)
        #expect(removalGuard.hold?.services == 20)
    }

    @Test("Held deletions are counted apart, and changed settings release them")
    func holdingDeletions() throws {
        var settings = MassRemovalGuard.Settings()
        settings.holdsDeletions = true
        var removalGuard = started(20, settings)
        var snapshot = Cluster.cluster(12..<20)
        snapshot.slices[Cluster.name(12)] = [Cluster.slice(12, ready: false)]
        let deleted = Cluster.names(0..<13)
        let held = removalGuard.take(
            SnapshotUpdate(snapshot: snapshot, changed: .some(deleted)),
            at: start
        )
        #expect(held.snapshot.services.count == 20)
        #expect(held.snapshot.slices[Cluster.name(12)] == [Cluster.slice(12)])
        #expect(removalGuard.hold?.services == 13 && removalGuard.hold?.deleted == 13)
        let same = removalGuard.reconfigure(settings, at: start)
        #expect(same == nil)
        settings.holdsDeletions = false
        let reconfigured = removalGuard.reconfigure(settings, at: start)
        let released = try #require(reconfigured)
        #expect(released.snapshot.services == snapshot.services)
        #expect(released.snapshot.slices == snapshot.slices)
        #expect(removalGuard.hold == nil)
        #expect(removalGuard.takeEndings().first?.reason == .settings)
    }

    @Test("Settings that would not have held release what is held")
    func settings() throws {
        var removalGuard = started(20)
        _ = removalGuard.take(Cluster.list(ServiceSnapshot()), at: start)
        var settings = MassRemovalGuard.Settings()
        settings.holdTime = .seconds(60)
        let longer = removalGuard.reconfigure(settings, at: start)
        #expect(longer == nil)
        #expect(removalGuard.hold?.until == start.advanced(by: .seconds(60)))
        settings.fraction = 1
        let trusting = removalGuard.reconfigure(settings, at: start)
        #expect(try #require(trusting).snapshot.services.isEmpty)
        #expect(removalGuard.hold == nil)
    }

    // MARK: - Living Services come first

    @Test("A held Service gives its ClusterIP up to the Service that has it by now")
    func clusterIP() {
        var removalGuard = started(20)
        _ = removalGuard.take(Cluster.list(ServiceSnapshot()), at: start)
        var next = ServiceSnapshot()
        next.services[Cluster.name(30)] = Cluster.service(30, address: 7)
        let update = removalGuard.take(Cluster.events(next, 30), at: start)
        #expect(update.changed == .some(Cluster.names([7, 30])))
        #expect(update.snapshot.services[Cluster.name(7)]?.clusterIPs == [])
        #expect(update.snapshot.services[Cluster.name(7)]?.families == [.ipv4])
        #expect(update.snapshot.services[Cluster.name(30)]?.clusterIPs == [Cluster.address(7)])
        let back = removalGuard.take(Cluster.events(ServiceSnapshot(), 30), at: start)
        #expect(back.changed == .some(Cluster.names([7, 30])))
        #expect(back.snapshot.services[Cluster.name(7)]?.clusterIPs == [Cluster.address(7)])
    }

    @Test("A list that gives a ClusterIP away takes it from the Service that is missing")
    func clusterIPInOneList() {
        var removalGuard = started(20)
        var next = ServiceSnapshot()
        next.services[Cluster.name(30)] = Cluster.service(30, address: 7)
        let update = removalGuard.take(Cluster.list(next), at: start)
        #expect(update.snapshot.services[Cluster.name(7)]?.clusterIPs == [])
        #expect(update.snapshot.services[Cluster.name(8)]?.clusterIPs == [Cluster.address(8)])
    }
}
