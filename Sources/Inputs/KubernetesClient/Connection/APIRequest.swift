/// A GET request, or with content a write.
package struct APIRequest: Sendable {
    /// The body of a request.
    package struct Content: Sendable, Hashable {
        package enum Method: String, Sendable {
            case post = "POST"
            case patch = "PATCH"
        }

        package var method: Method
        package var type: String
        package var bytes: [UInt8]

        /// JSON of a new object.
        package static func creation(_ json: [UInt8]) -> Content {
            Content(method: .post, type: "application/json", bytes: json)
        }

        /// The changed members of an object (RFC 7386).
        package static func mergePatch(_ json: [UInt8]) -> Content {
            Content(method: .patch, type: "application/merge-patch+json", bytes: json)
        }
    }

    package var path: String
    /// In order; values are escaped when sent.
    package var query: [(name: String, value: String)] = []
    package var isWatch = false
    /// Requests the next page of a list. Exempt from the rate limit: the previous page sets the
    /// pace, and large lists would otherwise take disproportionately long.
    package var continuesAnswer = false
    /// Nil for GET.
    package var content: Content?
    /// The server counts as dead after this time without a byte.
    package var idleLimit: Duration

    /// Path and query as sent.
    var target: String {
        guard !query.isEmpty else { return path }
        return path + "?"
            + query.map { "\(Self.escaped($0.name))=\(Self.escaped($0.value))" }
            .joined(separator: "&")
    }

    /// Escapes all but the unreserved characters (RFC 3986, section 2.3) as %XX.
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
