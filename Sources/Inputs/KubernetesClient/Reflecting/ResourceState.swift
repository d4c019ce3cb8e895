/// The state of watching one resource.
package struct ResourceState: Sendable, Hashable {
    package enum Phase: String, Sendable, Hashable {
        case connecting
        case listing
        case watching
        /// Waiting after a failure.
        case backingOff
        /// The server does not have the resource, which is optional.
        case absent
    }

    /// Complete lists without a working watch that count as going in circles.
    package static let circleLimit = 4

    package var phase = Phase.connecting
    /// When a server last answered successfully.
    package var lastAnswer: ContinuousClock.Instant?
    /// When something about an object last arrived, bookmarks included.
    package var lastEvent: ContinuousClock.Instant?
    /// When a watch last delivered something, or had been open for a while.
    package var lastWatch: ContinuousClock.Instant?
    package var resourceVersion = ""
    /// Failures since a watch last worked.
    package var failures = 0
    /// The last error, even if it is over; without secrets.
    package var lastError: String?
    /// The server of the last response.
    package var server: ServerAddress?
    /// Objects received of the newest list, complete or not; a long one counts up in steps.
    package var received = 0
    /// Complete lists received, the first included.
    package var lists = 0
    /// Complete lists since a watch last worked.
    package var listsWithoutWatch = 0

    package init() {}

    /// Lists and watches alternate and no watch works: the known state may be old although the
    /// server answers.
    package var isCircling: Bool { listsWithoutWatch >= Self.circleLimit }

    /// When the state was last known to be the server's; nil if never.
    package var lastSign: ContinuousClock.Instant? {
        isCircling ? lastWatch : [lastAnswer, lastEvent].compactMap { $0 }.max()
    }
}
