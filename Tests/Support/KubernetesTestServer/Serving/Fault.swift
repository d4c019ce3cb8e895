/// Something that goes wrong with one answer.
package enum Fault: Sendable, Hashable {
    /// The connection is closed before the answer.
    case drop
    /// The answer never comes.
    case stall
    case status(ServedStatus)
    /// The connection is closed after so many bytes of the body.
    case dropAfter(bytes: Int)
    /// After so many bytes nothing more comes.
    case stallAfter(bytes: Int)
    /// A body of bytes that mean nothing.
    case garbage
    /// A watch whose first event says that the version is too old.
    case expireInStream
    /// Each event comes twice.
    case repeatEvents
    /// The answer comes late, so that other resources overtake it.
    case delay(Duration)
    /// The body ends at once, properly.
    case endAtOnce
}

/// A request as it came.
package struct ReceivedRequest: Sendable {
    package var method: String
    package var path: String
    package var query: [String: String]
    /// By lower-case name.
    package var headers: [String: String]
    package var body: [UInt8]

    package var isWatch: Bool { query["watch"] == "true" }

    /// The namespace that the path names.
    var namespace: String? {
        let parts = path.split(separator: "/")
        guard let index = parts.firstIndex(of: "namespaces"), index + 1 < parts.count else {
            return nil
        }
        return String(parts[index + 1])
    }

    /// The path without its namespace.
    var collection: String {
        namespace.map { path.replacing("/namespaces/\($0)", with: "") } ?? path
    }

    var isForEvents: Bool { collection.hasPrefix("/apis/events.k8s.io/v1/events") }
}
