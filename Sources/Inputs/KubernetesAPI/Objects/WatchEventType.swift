import PrintableText

/// The `type` of a watch event.
enum WatchEventType: String {
    case added = "ADDED"
    case modified = "MODIFIED"
    case deleted = "DELETED"
    case bookmark = "BOOKMARK"
    case error = "ERROR"

    init(_ text: String) throws(APIDecodingError) {
        guard let type = WatchEventType(rawValue: text) else {
            throw APIDecodingError(reason: "an event of unknown type \(quoted(text))")
        }
        self = type
    }

    /// The event of an object; only for the first three types.
    func event(_ object: APIObject) -> WatchEvent {
        switch self {
        case .added: .added(object)
        case .deleted: .deleted(object)
        case .modified, .bookmark, .error: .modified(object)
        }
    }
}

extension WatchEvent {
    static func bookmark(resourceVersion: String, annotations: [String: String]) -> WatchEvent {
        .bookmark(
            resourceVersion: resourceVersion,
            endsInitialEvents: annotations["k8s.io/initial-events-end"] == "true"
        )
    }
}
