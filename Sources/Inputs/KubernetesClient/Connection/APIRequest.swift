import KubernetesAPI

/// A GET request, or with content one that writes.
package struct APIRequest: Sendable {
    /// What a request brings to the server.
    package struct Content: Sendable, Hashable {
        package enum Method: String, Sendable {
            case post = "POST"
            case patch = "PATCH"
        }

        package var method: Method
        package var type: String
        package var bytes: [UInt8]

        /// JSON for a new object.
        package static func creation(_ json: [UInt8]) -> Content {
            Content(method: .post, type: "application/json", bytes: json)
        }

        /// The members of an object that change (RFC 7386).
        package static func mergePatch(_ json: [UInt8]) -> Content {
            Content(method: .patch, type: "application/merge-patch+json", bytes: json)
        }
    }

    package var path: String
    /// In order; values are escaped when sent.
    package var query: [(name: String, value: String)]
    package var isWatch: Bool
    /// Asks for the next part of an answer that has begun. It is let through at once: the answer
    /// before it sets the pace, and a long list would take ever longer the larger the cluster.
    package var continuesAnswer: Bool
    /// Nil asks only.
    package var content: Content?
    /// After so long without a byte the server counts as dead.
    package var idleLimit: Duration

    package init(
        path: String,
        query: [(name: String, value: String)] = [],
        isWatch: Bool = false,
        continuesAnswer: Bool = false,
        content: Content? = nil,
        idleLimit: Duration
    ) {
        self.path = path
        self.query = query
        self.isWatch = isWatch
        self.continuesAnswer = continuesAnswer
        self.content = content
        self.idleLimit = idleLimit
    }

    /// Path and query as they are sent.
    var target: String {
        guard !query.isEmpty else { return path }
        return path + "?"
            + query.map { "\(Self.escaped($0.name))=\(Self.escaped($0.value))" }
            .joined(separator: "&")
    }

    /// All but the unreserved characters (RFC 3986, section 2.3) as %XX.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                result += byte < 16 ? "%0\(hex)" : "%\(hex)"
            }
        }
        return result
    }
}

/// Which encodings to ask for.
package enum APIContentType: String, Sendable, Hashable, CaseIterable {
    /// Protobuf, and JSON where the server has no other.
    case protobuf = "application/vnd.kubernetes.protobuf"
    case json = "application/json"

    func accept(isWatch: Bool) -> String {
        switch (self, isWatch) {
        case (.protobuf, false): APIMediaType.acceptList
        case (.protobuf, true): APIMediaType.acceptWatch
        case (.json, false): "application/json"
        case (.json, true): "application/json;stream=watch"
        }
    }
}
