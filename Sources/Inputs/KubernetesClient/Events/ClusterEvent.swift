package import ServiceModel

/// Something that a person should find at an object of the cluster.
package struct ClusterEvent: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case normal = "Normal"
        case warning = "Warning"
    }

    /// What an event is about.
    package enum Object: Sendable, Hashable {
        case service(ServiceName)
        /// The own Node.
        case node
    }

    package let kind: Kind
    package let regarding: Object
    /// Why it is told, one word in CamelCase; at most 128 characters.
    package let reason: String
    /// What was done, or was to be done; as `reason`.
    package let action: String
    /// One line of at most 1024 bytes.
    package let note: String

    /// The longest note that an API server takes, in bytes (`NoteLengthLimit`).
    static let noteLimit = 1024

    /// What does not fit is cut off `note`, and what can't be seen is escaped in it: it may quote
    /// names and errors from anywhere. A secret has no place there.
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

    /// `text` with escapes such as `\u{1b}` for what is no printable character, in `limit` bytes.
    private static func line(_ text: String, limit: Int) -> String {
        let end = "…"
        var result = ""
        // Where to cut if there turns out to be more than fits.
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
