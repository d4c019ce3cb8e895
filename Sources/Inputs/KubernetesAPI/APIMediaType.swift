/// The two encodings of API objects.
package enum APIMediaType: Sendable, Hashable, CaseIterable {
    case protobuf
    case json

    /// The `Accept` header of a list: protobuf, or JSON if the server has no other.
    package static let acceptList = "application/vnd.kubernetes.protobuf,application/json"
    /// The `Accept` header of a watch.
    package static let acceptWatch =
        "application/vnd.kubernetes.protobuf;stream=watch,application/json;stream=watch"

    /// Parses a `Content-Type` value, ignoring parameters and letter case; nil for other types.
    package init?(contentType: String) {
        let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        switch type {
        case "application/vnd.kubernetes.protobuf": self = .protobuf
        case "application/json": self = .json
        default: return nil
        }
    }
}
