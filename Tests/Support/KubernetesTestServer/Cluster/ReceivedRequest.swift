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
