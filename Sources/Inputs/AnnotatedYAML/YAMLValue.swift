/// A YAML (or JSON) value that knows on which line it stands.
package struct YAMLValue: Sendable, Equatable {
    /// What a value can be.
    package enum Content: Sendable, Equatable {
        case null
        /// Text as written; `isPlain` when it stood without quotes, and so may be a number.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLValue])
        case mapping([Entry])
    }

    /// One field of a mapping.
    package struct Entry: Sendable, Equatable {
        package var key: String
        package var keyLine: Int
        package var value: YAMLValue

        package init(key: String, keyLine: Int, value: YAMLValue) {
            self.key = key
            self.keyLine = keyLine
            self.value = value
        }
    }

    /// 1-based.
    package var line: Int
    package var content: Content

    package init(line: Int, content: Content) {
        self.line = line
        self.content = content
    }
}

/// Something wrong with one field, or with the syntax around it.
package struct FieldError: Error, Sendable, Equatable, CustomStringConvertible {
    /// 1-based.
    package var line: Int
    /// `spec.ports[0].port`; empty when the whole document is meant.
    package var path: String
    package var reason: String
    /// Where the first of two equal keys stands, if that is what is wrong.
    var duplicate: DuplicateKey?

    package init(line: Int, path: String, reason: String) {
        self.line = line
        self.path = path
        self.reason = reason
    }

    package var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
