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

    /// The name in a path to a single object; nil in that of a list.
    func objectName(in resource: ServedResource) -> String? {
        guard collection.hasPrefix(resource.path + "/") else { return nil }
        let name = collection.dropFirst(resource.path.count + 1)
        return name.isEmpty || name.contains("/") ? nil : String(name)
    }

    var isForEvents: Bool { collection.hasPrefix("/apis/events.k8s.io/v1/events") }
}
