/// A moment to give up at; every wait in the lab has one.
package struct Deadline: Sendable {
    private let end: ContinuousClock.Instant

    package init(in duration: Duration) {
        end = .now + duration
    }

    package var hasPassed: Bool { remaining <= .zero }

    package var remaining: Duration { end - .now }

    /// What is left as poll(2) wants it, at least 0.
    var milliseconds: Int32 {
        let left = max(.zero, remaining)
        return Int32(
            clamping: left.components.seconds * 1000 + left.components.attoseconds
                / 1_000_000_000_000_000
        )
    }
}
