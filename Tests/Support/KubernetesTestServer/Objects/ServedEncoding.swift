/// How the server writes lists, events and statuses.
package enum ServedEncoding: String, Sendable, Hashable, CaseIterable {
    case protobuf = "application/vnd.kubernetes.protobuf"
    case json = "application/json"

    /// The first of an `Accept` header's types that is among `served`.
    init?(accept: String, served: Set<ServedEncoding>) {
        let wanted = accept.split(separator: ",").compactMap { part in
            ServedEncoding(
                rawValue: part.prefix { $0 != ";" }.trimmingBlanks
            )
        }
        guard let first = wanted.first(where: served.contains) else { return nil }
        self = first
    }

    func contentType(isWatch: Bool) -> String {
        // The JSON of a watch has no parameter of its own.
        isWatch && self == .protobuf ? "\(rawValue);stream=watch" : rawValue
    }
}

extension Substring {
    fileprivate var trimmingBlanks: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

/// What a failed request answers (`meta/v1` Status).
package struct ServedStatus: Sendable, Hashable {
    package var code: Int
    package var reason: String
    package var message: String
    package var retryAfterSeconds: Int?
    package var cause: String?
    /// Where the client is sent instead.
    package var location: String?

    package init(
        code: Int,
        reason: String,
        message: String = "",
        retryAfterSeconds: Int? = nil,
        cause: String? = nil,
        location: String? = nil
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
        self.cause = cause
        self.location = location
    }

    static let expired = ServedStatus(
        code: 410,
        reason: "Expired",
        message: "too old resource version"
    )
    static let tooLarge = ServedStatus(
        code: 504,
        reason: "Timeout",
        message: "Too large resource version",
        cause: "ResourceVersionTooLarge"
    )
}
