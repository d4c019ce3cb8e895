/// How following one resource goes.
package struct ResourceState: Sendable, Hashable {
    package enum Phase: String, Sendable, Hashable {
        case connecting
        case listing
        case watching
        /// Waits after a failure.
        case backingOff
        /// The server does not have the resource, and nobody needs it.
        case absent
    }

    /// So many complete lists without a watch that works are a circle.
    package static let circleLimit = 4

    package var phase = Phase.connecting
    /// When a server last answered well.
    package var lastAnswer: ContinuousClock.Instant?
    /// When something about an object last came, bookmarks included.
    package var lastEvent: ContinuousClock.Instant?
    /// When a watch last brought something, or had stood for a while.
    package var lastWatch: ContinuousClock.Instant?
    package var resourceVersion = ""
    /// Failures since a watch last worked.
    package var failures = 0
    /// Without secrets; the last one, even if all is well by now.
    package var lastError: String?
    /// Where the last answer came from.
    package var server: ServerAddress?
    /// Complete lists received, the first included.
    package var lists = 0
    /// Complete lists since a watch last worked.
    package var listsWithoutWatch = 0

    package init() {}

    /// Lists and watches follow each other, and no watch works: what is known may be old, though
    /// the server answers.
    package var isCircling: Bool { listsWithoutWatch >= Self.circleLimit }

    /// The last sign that what is known is what the server has; nil if there never was one.
    package var lastSign: ContinuousClock.Instant? {
        isCircling ? lastWatch : [lastAnswer, lastEvent].compactMap { $0 }.max()
    }
}
