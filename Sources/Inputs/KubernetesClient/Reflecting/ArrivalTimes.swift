/// When changes arrived, and how long decoding them took.
package struct ArrivalTimes: Sendable, Equatable {
    /// When the first bytes were read from the connection.
    package var received: ContinuousClock.Instant
    package var decoding: Duration

    package init(received: ContinuousClock.Instant, decoding: Duration) {
        (self.received, self.decoding) = (received, decoding)
    }

    /// Both together; nil if neither is known.
    package static func joined(_ one: ArrivalTimes?, _ other: ArrivalTimes?) -> ArrivalTimes? {
        guard let one, let other else { return one ?? other }
        return ArrivalTimes(
            received: min(one.received, other.received),
            decoding: one.decoding + other.decoding
        )
    }
}
