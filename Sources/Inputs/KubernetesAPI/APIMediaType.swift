/// The two forms in which the API server writes objects.
package enum APIMediaType: Sendable, Hashable, CaseIterable {
    case protobuf
    case json

    /// What to ask a list for: protobuf, or JSON where there is none.
    package static let acceptList = "application/vnd.kubernetes.protobuf,application/json"
    /// The same for a watch.
    package static let acceptWatch =
        "application/vnd.kubernetes.protobuf;stream=watch,application/json;stream=watch"

    /// From a `Content-Type` value, parameters and letter case ignored; nil for other types.
    package init?(contentType: String) {
        let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        switch type {
        case "application/vnd.kubernetes.protobuf": self = .protobuf
        case "application/json": self = .json
        default: return nil
        }
    }
}
