package import ServiceModel

/// An occurrence worth reporting on an object of the cluster.
package struct ClusterEvent: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case normal = "Normal"
        case warning = "Warning"
    }

    /// The object an event is about.
    package enum Object: Sendable, Hashable {
        case service(ServiceName)
        /// This node's Node object.
        case node
    }

    package let kind: Kind
    package let regarding: Object
    /// The reason of the event, one word in CamelCase; at most 128 characters.
    package let reason: String
    /// The action taken or attempted; as `reason`.
    package let action: String
    /// One line of at most 1024 bytes.
    package let note: String

    /// The longest note that an API server accepts, in bytes (`NoteLengthLimit`).
    static let noteLimit = 1024

    /// Truncates `note` and escapes non-printable characters in it, because it may quote names and
    /// errors from anywhere. It must not contain secrets.
    package init(
        _ kind: Kind,
        on regarding: Object,
        reason: String,
        action: String,
        note: String
    ) {
        self.kind = kind
        self.regarding = regarding
        self.reason = reason
        self.action = action
        self.note = Self.line(note, limit: Self.noteLimit)
    }

    /// `text` with non-printable characters escaped as `\u{1b}`, in `limit` bytes.
    private static func line(_ text: String, limit: Int) -> String {
        let end = "…"
        var result = ""
        // Where to cut if the text does not fit.
        var cut = result.endIndex
        var bytes = 0
        for scalar in text.unicodeScalars {
            let piece = escaped(scalar)
            if bytes + piece.utf8.count > limit { return result[..<cut] + end }
            bytes += piece.utf8.count
            result.unicodeScalars.append(contentsOf: piece.unicodeScalars)
            if bytes + end.utf8.count <= limit { cut = result.endIndex }
        }
        return result
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            "\\u{\(String(scalar.value, radix: 16))}"
        default: String(scalar)
        }
    }
}
