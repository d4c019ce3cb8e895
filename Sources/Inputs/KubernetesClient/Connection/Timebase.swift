/// The clock for waits and deadlines.
package struct Timebase: Sendable {
    private let start = ContinuousClock.now
    private let speed: Int

    /// Real time.
    package static let standard = Timebase(speed: 1)

    /// A clock that runs `speed` times as fast as real time, for tests.
    package init(speed: Int) {
        self.speed = max(1, speed)
    }

    /// Since this clock was created.
    package var now: Duration { start.duration(to: .now) * speed }

    /// Throws when the task is cancelled.
    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration / speed)
    }
}
