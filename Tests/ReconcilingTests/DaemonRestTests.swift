import DaemonConfiguration
import Dataplane
import DataplaneModel
import Reconciling
import ServiceModel
import Telemetry
import Testing

/// How often the daemon looks at its parts.
@Suite("Daemon's state at rest")
struct DaemonRestTests {
    private typealias Harness = DaemonHarness

    /// Handles ticks when they are due for so many seconds; returns how many there were.
    private static func ticks(_ seconds: Int, _ harness: inout Harness) throws -> Int {
        let end = harness.now.advanced(by: .seconds(seconds))
        var count = 0
        while true {
            let next = try #require(harness.effects.ticks.last)
            guard next <= end else { break }
            harness.now = max(harness.now, next)
            let sent = harness.send(.tick)
            #expect(sent.messages == [.keepAlive])
            #expect(sent.turns.contains { $0.isAlive })
            count += 1
        }
        harness.now = end
        return count
    }

    private static func started(
        _ configuration: DaemonConfiguration = Harness.files(),
        watchdog: Duration? = nil
    ) -> Harness {
        var harness = Harness(configuration, watchdog: watchdog)
        _ = harness.begin()
        harness.send(.arrived(.files(Harness.update(0..<20))))
        return harness
    }

    @Test("Every second after news, every ten seconds at rest, and every second again")
    func rest() throws {
        var harness = Self.started()
        #expect(try Self.ticks(5, &harness) <= 5)
        for _ in 0..<3 {
            #expect(try Self.ticks(60, &harness) == 6)
            harness.send(.arrived(.files(Harness.update(1..<20, revision: 2))))
            #expect(try (3...5).contains(Self.ticks(5, &harness)))
        }
    }

    @Test("A service manager hears three signs of life in its interval, at rest too")
    func watchdog() throws {
        for (interval, least) in [(30, 6), (6, 30), (600, 6)] {
            var harness = Self.started(watchdog: .seconds(interval))
            _ = try Self.ticks(10, &harness)
            #expect(try (least - 1...least).contains(Self.ticks(60, &harness)), "\(interval) s")
        }
    }

    @Test("Where a short silence counts as a hang, the daemon is heard more often")
    func silence() throws {
        var configuration = Harness.files()
        configuration.reconcile.maxRetryInterval = .seconds(1)
        var harness = Self.started(configuration)
        _ = try Self.ticks(10, &harness)
        #expect(try Self.ticks(60, &harness) >= 17)
    }

    @Test("What is held or waited for ends in time")
    func waiting() throws {
        var held = Self.started()
        held.send(.arrived(.files(Harness.update(0..<2, revision: 2))))
        _ = try Self.ticks(10, &held)
        #expect(held.effects.turns.last?.hold != nil)
        #expect(try (59...61).contains(Self.ticks(60, &held)))

        var waiting = Harness(Harness.both())
        _ = waiting.begin()
        _ = try Self.ticks(10, &waiting)
        #expect(try (59...61).contains(Self.ticks(60, &waiting)))
    }

    @Test("What the dataplane notices is looked at at once, at rest too")
    func noticed() throws {
        var harness = Self.started()
        _ = try Self.ticks(65, &harness)
        harness.advance(0.1)
        harness.look.hasDrifted = true
        let sent = harness.send(.noticed)
        #expect(sent.looks == [true])
        #expect(sent.passes.map(\.kind) == [.full])
        // Twice is looked at twice: the second may be about another change.
        #expect(harness.send(.noticed).looks == [true])
    }
}
