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

    package var phase = Phase.connecting
    /// When a server last answered well.
    package var lastAnswer: ContinuousClock.Instant?
    /// When something about an object last came, bookmarks included.
    package var lastEvent: ContinuousClock.Instant?
    package var resourceVersion = ""
    /// Failures since something last came.
    package var failures = 0
    /// Without secrets; the last one, even if all is well by now.
    package var lastError: String?
    /// Where the last answer came from.
    package var server: ServerAddress?
    /// Complete lists received, the first included.
    package var lists = 0

    package init() {}
}
