import Addressing
import Dataplane
import DataplaneModel
import Planning
import ServiceModel
import TestSupport
import Testing

@Suite("Changes of other programs")
struct ForeignChangesTests {
    /// A reconciler, its kernel and everything that goes on around them, from one seed.
    private struct World {
        /// How long what time decides takes at most.
        static let longTime = Duration.seconds(1000)

        final class Clock {
            var now = ContinuousClock.now
        }

        let store = ContestedStore()
        let clock = Clock()
        var reconciler: FamilyReconciler<ToyPlanner, ContestedStore>
        var random: SplitMix64
        var snapshot = ServiceSnapshot()
        /// Objects that others changed, as often as they were there to be found.
        var found = 0
        var reported = 0
        /// Objects that others write are none that we change.
        let isApart: Bool

        init(seed: UInt64, isApart: Bool) {
            let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
            let clock = clock
            reconciler = FamilyReconciler(
                desired: DesiredState(family: .ipv4, settings: settings),
                planner: ToyPlanner(),
                store: store
            ) {
                clock.now += .milliseconds(1)
                return clock.now
            }
            random = SplitMix64(seed: seed)
            self.isApart = isApart
        }

        mutating func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

        /// The first three are Services that come and go, the others stay as they are.
        mutating func name() -> String { "s\(isApart ? 3 + number(5) : number(8))" }

        mutating func foreignWrite() -> () -> Void {
            let (name, value) = (name(), number(3) == 0 ? nil : number(4) + 100)
            let isCertain = number(2) == 0
            return { [store] in store.write(name, value, isCertain: isCertain) }
        }

        mutating func update(_ changed: [Int]) -> SnapshotUpdate {
            for number in changed {
                let name = toyService("s\(number)")
                let isGone = self.number(4) == 0 && number < 3
                snapshot.services[name] = isGone ? nil : Self.service(name)
                snapshot.slices[name] = isGone ? nil : [Self.slice(name, self.number(4))]
            }
            snapshot.revision += 1
            return SnapshotUpdate(
                snapshot: snapshot,
                changed: .some(Set(changed.map { toyService("s\($0)") }))
            )
        }

        mutating func pass(_ changed: [Int], observe: Bool) {
            let update = update(changed)
            let isKnown = !reconciler.needsObservation
            do throws(DataplaneError) {
                let report = try reconciler.pass(update, observe: observe)
                reported += report.drift
                let found = store.takeFound()
                if isKnown { self.found += found.count }
            } catch {
                // The next pass brings the kernel to the plan, whoever changed what.
                _ = store.takeFound()
            }
        }

        mutating func look() throws -> Bool {
            try reconciler.performDueWork()
            return try reconciler.hasDrifted()
        }

        mutating func step(withFailures: Bool) throws {
            switch number(10) {
            case 0, 1, 2: foreignWrite()()
            case 3, 4: store.interruption = (number(5), foreignWrite())
            case 5: clock.now += .milliseconds(number(50))
            case 6: if withFailures { store.fails = true }
            case 7: pass([], observe: true)
            case 8: if try look() { pass([], observe: true) }
            default: pass([number(3)], observe: false)
            }
        }

        private static func service(_ name: ServiceName) -> Service {
            Service(
                name: name,
                clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
                ports: [PortNumber(80)].compactMap(\.self).map { ServicePort(port: $0) }
            )
        }

        private static func slice(_ name: ServiceName, _ endpoints: Int) -> EndpointSlice {
            EndpointSlice(
                name: "\(name.name)-1",
                service: name,
                family: .ipv4,
                ports: [PortNumber(80)].compactMap(\.self).map { EndpointPort(port: $0) },
                endpoints: (0..<endpoints).map {
                    Endpoint(address: IPAddress(ipv4: 0x0ab4_0002 + UInt32($0)))
                }
            )
        }
    }

    /// Steps in any order, and then the looks at rest that a daemon takes.
    private static func run(
        _ seed: UInt64,
        isApart: Bool,
        withFailures: Bool
    ) throws -> World {
        var world = World(seed: seed, isApart: isApart)
        world.pass(Array(0..<8), observe: false)
        for _ in 0..<world.number(40) { try world.step(withFailures: withFailures) }
        world.store.interruption = nil
        world.store.fails = false
        for _ in 0..<3 {
            world.clock.now += World.longTime
            if try world.look() || world.reconciler.needsObservation {
                world.pass([], observe: true)
            }
        }
        world.clock.now += World.longTime
        #expect(try !world.look(), "seed \(seed)")
        return world
    }

    @Test("Whatever is interleaved, what others do to other objects is reported once and repaired")
    func exactlyOnce() throws {
        for seed in UInt64(0)..<4000 {
            let world = try Self.run(seed, isApart: true, withFailures: false)
            #expect(world.store.state == world.reconciler.planner.plan, "seed \(seed)")
            #expect(world.reported == world.found, "seed \(seed)")
        }
    }

    @Test("The kernel holds the plan in the end, also where we change the same objects and fail")
    func repaired() throws {
        for seed in UInt64(0)..<4000 {
            let world = try Self.run(seed, isApart: false, withFailures: true)
            #expect(world.store.state == world.reconciler.planner.plan, "seed \(seed)")
        }
    }

    @Test("Without other programs nothing is read again and nothing is reported")
    func atRest() throws {
        var world = World(seed: 1, isApart: true)
        world.pass(Array(0..<8), observe: false)
        for number in 0..<100 {
            world.pass([number % 3], observe: false)
            world.clock.now += World.longTime
            #expect(try !world.look())
        }
        #expect(world.reported == 0)
        #expect(world.store.state == world.reconciler.planner.plan)
    }
}
