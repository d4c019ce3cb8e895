/// The two encodings of API objects.
package enum APIMediaType: String, Sendable, Hashable, CaseIterable {
    case protobuf = "application/vnd.kubernetes.protobuf"
    case json = "application/json"

    /// Parses a `Content-Type` value, ignoring parameters and letter case; nil for other types.
    package init?(contentType: String) {
        let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        self.init(rawValue: type)
    }

    /// The `Accept` header of a list or a watch. A server without protobuf may answer in JSON.
    package func accept(isWatch: Bool) -> String {
        (self == .json ? [self] : [self, .json])
            .map { isWatch ? "\($0.rawValue);stream=watch" : $0.rawValue }.joined(separator: ",")
    }
}
