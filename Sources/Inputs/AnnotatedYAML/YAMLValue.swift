/// A YAML (or JSON) value with its line.
package struct YAMLValue: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case null
        /// Text as written; `isPlain` if it is unquoted, and so may be a number.
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

/// An error in one field, or in the syntax around it.
package struct FieldError: Error, Sendable, Equatable, CustomStringConvertible {
    /// 1-based.
    package var line: Int
    /// `spec.ports[0].port`; empty for the whole document.
    package var path: String
    package var reason: String
    /// The position of the first of two equal keys, if that is the error.
    var duplicate: DuplicateKey?

    package init(line: Int, path: String, reason: String) {
        self.line = line
        self.path = path
        self.reason = reason
    }

    package var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
