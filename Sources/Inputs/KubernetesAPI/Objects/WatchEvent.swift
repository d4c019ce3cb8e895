/// One event of a watch.
package enum WatchEvent: Sendable, Hashable {
    case added(APIObject)
    case modified(APIObject)
    case deleted(APIObject)
    /// Progress without a change. `endsInitialEvents` marks the end of a watch-list's initial
    /// objects (annotation `k8s.io/initial-events-end`).
    case bookmark(resourceVersion: String, endsInitialEvents: Bool)
    /// The server ends the watch.
    case failed(APIStatus)
}
